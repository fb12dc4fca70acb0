"""Where several worker processes keep their counters, so that any of them can answer for all.

For gunicorn's configuration, which reads no settings: `prepare` before anything imports
prometheus_client, `forget` in the hook `child_exit`.
"""

import contextlib
import fcntl
import hashlib
import os
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Those who have ended, in place of a process id.
_ENDED = "ended"
_COUNTED = ("counter", "histogram", "summary")
_TURN_WITHIN = 1.0  # s; who reads, reads for milliseconds


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
    for file in path.glob("*.db*"):
        file.unlink(missing_ok=True)
    os.environ[VARIABLE] = str(path)


def remove() -> None:
    """The last one has left."""
    path = Path(os.environ[VARIABLE])
    for file in path.glob("*.db*"):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else lies there
        path.rmdir()


def forget(pid: int) -> None:
    """A worker has ended: its gauges go, what it counted stays counted, in one file for all who
    have ended. A file for each of them would fill the memory, and make a scrape slower and slower.
    """
    if VARIABLE not in os.environ:
        return
    directory = Path(os.environ[VARIABLE])
    with _turn(directory) as is_ours:
        if not is_ours:  # its files stay, and count
            return
        for file in directory.glob(f"gauge_*_{pid}.db"):
            file.unlink()
        for kind in _COUNTED:
            # On a full disk, or of one who was killed while it made its file.
            with contextlib.suppress(OSError, struct.error):
                _fold(directory / f"{kind}_{pid}.db", directory / f"{kind}_{_ENDED}.db")


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Meanwhile nothing is folded: it would be counted twice, or not at all."""
    descriptor = os.open(os.environ[VARIABLE], os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _turn(directory: Path) -> Iterator[bool]:
    """Whether nobody reads. The arbiter waits here, who has all workers to look after."""
    descriptor, deadline = os.open(directory, os.O_RDONLY), time.monotonic() + _TURN_WITHIN
    try:
        while not (is_ours := _lock(descriptor)) and time.monotonic() < deadline:
            time.sleep(0.01)
        yield is_ours
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _fold(one: Path, total: Path) -> None:
    """Adds what is in `one` to `total`, and removes it."""
    from prometheus_client.mmap_dict import MmapedDict  # after `prepare`, as in a worker

    if not one.exists():
        return
    sums: dict[str, float] = defaultdict(float)
    for file in filter(Path.exists, (total, one)):
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            sums[key] += value
    fresh = total.with_suffix(".db.new")
    # Room enough, or an OSError: a mapped page without room would kill us.
    fresh.write_bytes(bytes(8 + sum(len(key.encode()) + 32 for key in sums)))
    written = MmapedDict(str(fresh))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    fresh.replace(total)
    one.unlink()
