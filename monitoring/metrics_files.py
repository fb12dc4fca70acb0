"""Where several worker processes keep their counters, so that any of them can answer for all.

For gunicorn's configuration, which reads no settings: `prepare` before anything imports
prometheus_client, `forget` in the hook `child_exit`.
"""

import contextlib
import hashlib
import os
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def place_for(var: Path, memory: Path = Path("/dev/shm")) -> Path:  # noqa: S108 - its own, and checked
    """In memory where the system has such a place, else below `var`.

    The files are mapped: on a full disk the first write to a new page of one kills its process.
    """
    var = var.resolve()
    name = hashlib.sha256(f"{os.getuid()}:{var}".encode()).hexdigest()[:16]
    place = memory / f"rallypoint-metrics-{name}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        is_ours = not place.is_symlink() and place.stat().st_uid == os.getuid()
    except OSError:
        is_ours = False
    return place if is_ours else var / "metrics"


def prepare(directory: Path | str) -> None:
    """Empties `directory` and makes it the place: counters begin at zero with each start."""
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    for file in path.glob("*.db"):
        file.unlink(missing_ok=True)
    os.environ[VARIABLE] = str(path)


def remove() -> None:
    """The last one has left."""
    path = Path(os.environ[VARIABLE])
    for file in path.glob("*.db"):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else lies there
        path.rmdir()


def forget(pid: int) -> None:
    """A worker has ended: its gauges go, what it counted stays counted."""
    if VARIABLE not in os.environ:
        return
    from prometheus_client import multiprocess  # after `prepare`: it reads the variable on import

    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
