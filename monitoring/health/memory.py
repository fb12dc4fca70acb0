"""How much memory the machine, or the container that is all of a machine we have, has left."""

import os
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def memory() -> dict[str, int | float]:
    """Bytes; empty where there is no /proc."""
    try:
        total, free = _container() or _machine()
    except (OSError, KeyError, ValueError):
        return {}
    used = total - free
    return {
        "used": used,
        "free": free,
        "total": total,
        "percentage": round(100 * used / total, 1) if total else 0.0,
    }


def _machine() -> tuple[int, int]:
    lines = (line.split() for line in _MEMINFO.read_text(encoding="ascii").splitlines())
    kib = {words[0].rstrip(":"): int(words[1]) for words in lines}
    return kib["MemTotal"] * 1024, kib["MemAvailable"] * 1024


def _container() -> tuple[int, int] | None:
    """The limit of the control group (v2); None when there is none."""
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return limit, max(0, limit - used)


def resident() -> int:
    """Bytes that this process holds; 0 where there is no /proc."""
    try:
        return int(_OWN.read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
