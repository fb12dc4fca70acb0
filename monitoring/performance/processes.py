"""The web workers of this machine, as /proc knows them. Imports no Django."""

import os
from pathlib import Path
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class Worker(NamedTuple):
    """`memory` is what is resident, in bytes; `cpu` the seconds that it has computed for."""

    memory: int
    cpu: float
    threads: int


def siblings() -> list[Worker]:
    """The processes that have our parent, we among them, oldest first; empty without /proc."""
    parent = os.getppid()
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    except OSError:
        return []
    found = (_read(int(pid)) for pid in children.split())
    return [worker for worker in found if worker]


def _read(pid: int) -> Worker | None:
    """None when it has just ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, which may hold anything.
    fields = text.rpartition(")")[2].split()
    user, system, threads, pages = (int(fields[place]) for place in (11, 12, 17, 21))
    return Worker(memory=pages * _PAGE, cpu=(user + system) / _TICKS, threads=threads)
