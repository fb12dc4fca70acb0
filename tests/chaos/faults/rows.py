"""The rows of the fault table: what fails, and what everybody sees meanwhile."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from tests.chaos.faults import busy
from tests.chaos.faults.house import House
from tests.stack import wait_until

Begin = Callable[[House], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """`reads` are values of X-Cache; `room` is what Alice is answered, "ack" or a code; `health` is
    the status line and word; `shows` is a metric that is not 0 meanwhile, with its labels."""

    begin: Begin
    reads: frozenset[str]
    write: int = 201
    room: str = "ack"
    health: tuple[int, str]
    shows: tuple[str, dict[str, str]]
    # Seconds, for most writes.
    write_within: float = 5.0
    # Where PostgreSQL is reached through a gate, by which it can be made slow.
    gated: bool = False
    # It takes longer than the suite has.
    long: bool = False


def _part(name: str, how: str) -> Begin:
    def begin(house: House) -> AbstractContextManager[None]:
        stack = house.stack
        server = stack.valkey if name == "redis" else stack.postgres
        return stack.killed(server) if how == "killed" else stack.frozen(server)

    return begin


@contextmanager
def _slow_database(house: House) -> Iterator[None]:
    """2 s for each query."""
    assert house.gate
    house.gate.delay = 2.0
    try:
        yield
    finally:
        house.gate.delay = 0.0


@contextmanager
def _no_worker(house: House) -> Iterator[None]:
    house.stop_worker()
    try:
        yield
    finally:
        house.start_worker()


@contextmanager
def _busy(house: House) -> Iterator[None]:
    with busy.all_threads(house.stack):
        yield


@contextmanager
def _maintenance(house: House) -> Iterator[None]:
    house.stack.manage("maintenance", "on", "--message", "Back at noon.")
    try:
        # Each may be answered by any of the processes: all of them know.
        wait_until(lambda: {house.write().status for _ in range(40)} == {503}, seconds=20)
        yield
    finally:
        house.stack.manage("maintenance", "off")


@contextmanager
def _full_disk(house: House) -> Iterator[None]:
    """Where clicks are put that Redis cannot take; and Redis is away."""
    spool = house.stack.directory / "var" / "spool"
    spool.mkdir(exist_ok=True)
    with ExitStack() as mended:
        mount = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=777", "full", str(spool)]
        subprocess.run(mount, check=True)
        mended.callback(subprocess.run, ["umount", "-l", str(spool)], check=True)
        (spool / "filler").write_bytes(b"x" * 4096)
        mended.enter_context(house.stack.killed(house.stack.valkey))
        yield


KEPT, OLD, ANY = frozenset({"HIT"}), frozenset({"STALE"}), frozenset({"HIT", "MISS", "STALE", ""})
_BREAKERS = "rallypoint_breakers"


def _redis(how: str) -> Row:
    return Row(
        begin=_part("redis", how),
        reads=ANY,
        health=(200, "degraded"),
        shows=("rallypoint_click_spool_bytes", {}),
        long=how == "frozen",
    )


def _postgresql(how: str) -> Row:
    return Row(
        begin=_part("postgresql", how),
        reads=OLD,
        write=503,
        write_within=0.1,
        room="unavailable",
        health=(503, "unhealthy"),
        shows=(_BREAKERS, {"breaker": "database"}),
        long=how == "frozen",
    )


ROWS = {
    "Redis is gone": _redis("killed"),
    "Redis never answers": _redis("frozen"),
    "PostgreSQL is gone": _postgresql("killed"),
    "PostgreSQL never answers": _postgresql("frozen"),
    "no worker": Row(
        begin=_no_worker,
        reads=ANY,
        health=(200, "degraded"),
        shows=("rallypoint_click_stream", {"measure": "waiting_batches"}),
        long=True,
    ),
    "all threads are busy": Row(
        begin=_busy,
        reads=KEPT,
        write=503,
        write_within=0.05,
        health=(200, "healthy"),
        shows=("rallypoint_requests_shed_total", {}),
    ),
    "maintenance": Row(
        begin=_maintenance,
        reads=ANY,
        write=503,
        room="maintenance",
        health=(200, "healthy"),
        shows=("rallypoint_http_requests_total", {"status": "5xx"}),
    ),
    "the disk is full": Row(
        begin=_full_disk,
        reads=ANY,
        health=(200, "degraded"),
        shows=(_BREAKERS, {"breaker": "redis"}),
    ),
    "queries take 2 s": Row(
        begin=_slow_database,
        reads=ANY,
        write=503,
        room="unavailable",
        health=(503, "unhealthy"),
        shows=(_BREAKERS, {"breaker": "database"}),
        gated=True,
        long=True,
    ),
}
