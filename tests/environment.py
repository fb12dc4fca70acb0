"""The environment of a test run, set before Django reads its settings (`-p tests.environment`).

The servers are given by DATABASE_URL and REDIS_URL (`make test` starts private ones). Each
pytest-xdist process takes logical Redis databases of its own, as pytest-django gives each a
database of its own.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

os.environ.setdefault(
    "SECRET_KEY", "a-secret-for-tests-that-is-long-enough-to-pass-the-checks-0123456789"
)
for name in ("VAR_DIR", "PREPARED_DATA_DIR"):
    if name not in os.environ:  # the processes of one run share the first one's
        made = Path(tempfile.mkdtemp(prefix="rallypoint-test-"))
        made.chmod(0o711)  # the servers' user passes through
        os.environ[name] = str(made)
        atexit.register(shutil.rmtree, made, ignore_errors=True)
os.environ.setdefault("PUBLIC_URL", "https://rally.test")
os.environ.setdefault("ALLOWED_HOSTS", "rally.test,testserver,localhost,127.0.0.1")
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault("BACKUP_INTERVAL_HOURS", "0")
# All tests come from one address; those about limits set their own.
os.environ.setdefault("RATE_LIMITS", "off")


def _own_redis_database(url: str, worker: str) -> str:
    number = int(worker.removeprefix("gw") or 0) + 1 if worker else 0
    return urlsplit(url)._replace(path=f"/{number * 2}").geturl()


if "REDIS_URL" in os.environ:
    os.environ["REDIS_URL"] = _own_redis_database(
        os.environ["REDIS_URL"], os.environ.get("PYTEST_XDIST_WORKER", "")
    )
