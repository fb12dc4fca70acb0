"""The machine: which core serves and which one asks, and the versions behind the figures."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("django", "gunicorn", "gunicorn_h1c", "uvloop", "redis", "psycopg", "msgspec")
_PINNABLE = hasattr(os, "sched_setaffinity")


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if _PINNABLE else []


CORES = _cores()
# With one core they are the same, and `placement` says so.
SERVER_CORE = CORES[0] if CORES else None
CLIENT_CORE = CORES[-1] if CORES else None


def placement(what: str = "server") -> str:
    """Where `what` is measured runs, and where all the rest does."""
    if not _PINNABLE:
        return "nothing is pinned to a core: this system cannot"
    if SERVER_CORE == CLIENT_CORE:
        return f"there is one core: the {what}, the load and the stores share it"
    return f"{what} on core {SERVER_CORE}, all else on core {CLIENT_CORE}"


def on_core(core: int | None) -> Callable[[], None] | None:
    """For Popen's preexec_fn: the child, and what it starts, stays on `core`."""
    return None if core is None else partial(os.sched_setaffinity, 0, {core})


@contextmanager
def moved(pid: int, command: str, core: int | None, after: int | None = None) -> Iterator[None]:
    """Keep the process `pid`, its threads and its children on `core`, and then on `after`, if it
    runs `command` here: a server behind a forwarded port has a pid that is somebody else's on this
    machine. None stands for all cores."""
    if not CORES or command not in _command_of(pid):
        yield
        return
    _move(pid, CORES if core is None else [core])
    try:
        yield
    finally:
        _move(pid, CORES if after is None else [after])


def _move(pid: int, cores: list[int]) -> None:
    with suppress(OSError):  # another user's, or gone
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)
            for child in (task / "children").read_text().split():
                _move(int(child), cores)


def _command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""


def parent_of(pid: int) -> int:
    """0 for a process that is not on this machine."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[1])
    return 0


def versions() -> dict[str, str]:
    found = {
        "cpu": f"{_cpu_model()}, {len(CORES) or os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "wrk": _first_line("wrk", "--version") or "none (load.mjs)",
        "node": _first_line("node", "--version") or "none",
    }
    return {name: text.removeprefix("v") for name, text in found.items()}


def load_average() -> str:
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def say(line: str) -> None:
    """Progress; the results alone go to stdout."""
    print(line, file=sys.stderr, flush=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _first_line(command: str, *arguments: str) -> str:
    if not (path := shutil.which(command)):
        return ""
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].removeprefix("wrk ").partition(" Copyright")[0] if lines else ""
