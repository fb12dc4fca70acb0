"""PostgreSQL's data after all migrations: made once a run of the tests, copied for each stack."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import PROJECT
from monitoring.embedded import EmbeddedServers

# Where, for all processes of the run; tests.environment makes it.
DIRECTORY = "PREPARED_DATA_DIR"
_PARTS = ("postgres", "postgres.password")


def lay(var: Path) -> bool:
    """Into a directory where servers are to be started; False outside of a run of the tests."""
    directory = os.environ.get(DIRECTORY)
    if not directory:
        return False
    with _alone(Path(directory)) as home:
        made = home / "made"
        if not made.exists():
            _make(home / "unfinished")
            (home / "unfinished").rename(made)
    var.mkdir(parents=True, exist_ok=True)
    parts = [str(made / part) for part in _PARTS]
    subprocess.run(["cp", "--archive", *parts, str(var)], check=True, timeout=60)
    return True


def _make(var: Path) -> None:
    with EmbeddedServers(var) as servers:
        env = os.environ | {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "VAR_DIR": str(var),
        }
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=PROJECT, env=env, check=True, timeout=120)


@contextmanager
def _alone(home: Path) -> Iterator[Path]:
    with (home / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield home
