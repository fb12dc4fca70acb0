"""How much memory the machine, or the container that is all of a machine we have, has left."""

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


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
