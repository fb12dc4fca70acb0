"""Ten thousand connections to two workers: what each costs, how soon people in small rooms hear
each other beside all the others, and how soon those of a worker that leaves are back.

All are in one lobby, and each in one of the small rooms of ten. Everything runs on all cores.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.cast import count_messages
from benchmarks.inside import call
from benchmarks.machine import say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.rooms.driver import Crowd, crowd, make_cast
from benchmarks.servers import Server, rallypoint_on_all_cores
from benchmarks.stores import Stores

_MEMORY_KIB, _MEDIAN_MS, _P99_MS, _BACK_S = 60, 100, 500, 30
_A_SECOND = 200
_DURING_THE_STORM = 50
_SPARE_FILES = 1_000
# Imports, pools and caches, before memory is looked at.
_FIRST_GUESTS = 20


def run(stores: Stores, plan: Plan) -> Result:
    result = Result(
        "connections",
        f"{plan.guests:,} in a lobby and {plan.small_rooms:,} small rooms; two workers, all cores",
    )
    if why := _missing(plan.guests):
        result.notes.append(f"not measured: {why}")
        return result
    with _many_files(), stores.new("connections") as store, stores.on_all_cores():
        tokens = make_cast(store, people=plan.guests, small_rooms=plan.small_rooms)
        with rallypoint_on_all_cores(store) as server, crowd(core=None) as guests:
            place = {"url": server.url, "dialect": "rallypoint", "tokens": str(tokens)}
            _warm_up(place)
            _come(result, guests, server, place, plan)
            _talk(result, guests, plan)
            _storm(result, guests, server, plan)
        stored = call(store, count_messages)["messages"]
    result.notes.append(f"{stored:,} messages stored; no connection dropped before the storm")
    return result


def _missing(connections: int) -> str:
    """Why it cannot be measured here, or ""."""
    if not Path("/proc/self/smaps_rollup").exists():
        return "this system does not say how much memory a process has for itself"
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < connections + _SPARE_FILES:
        return f"a process may open {most:,} files here"
    return ""


@contextmanager
def _many_files() -> Iterator[None]:
    """As many as may be, for what is started meanwhile."""
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))


def _warm_up(place: dict[str, Any]) -> None:
    with crowd(core=None) as first:
        first.ask("come", clients=_FIRST_GUESTS, small_rooms=1, **place)


def _come(result: Result, guests: Crowd, server: Server, place: dict[str, Any], plan: Plan) -> None:
    before = _memory(server)
    came = guests.ask("gather", clients=plan.guests, small_rooms=plan.small_rooms, **place)
    each = (_memory(server) - before) / plan.guests
    say(f"connections: {plan.guests:,} came within {came['seconds']:.1f} s; {each:.1f} KiB each")
    result.sides += [
        Side("memory a connection", "KiB", [each]),
        Side("sign-in and two rooms", "1/s", [plan.guests / came["seconds"]]),
    ]
    result.targets.append(Target("memory a connection", each, _MEMORY_KIB, "KiB", at_least=False))


def _talk(result: Result, guests: Crowd, plan: Plan) -> None:
    rounds = []
    for number in range(1, plan.rounds + 1):
        rounds.append(guests.ask("talk", seconds=plan.seconds, rate=_A_SECOND))
        p50, p99 = rounds[-1]["p50"], rounds[-1]["p99"]
        say(f"connections: round {number} of {plan.rounds}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    for name, key, bound in (("median", "p50", _MEDIAN_MS), ("p99", "p99", _P99_MS)):
        side = Side(f"until heard, {name}", "ms", [seen[key] for seen in rounds])
        result.sides.append(side)
        target = Target(f"until heard, {name}", side.median, bound, "ms", at_least=False)
        result.targets.append(target)
    heard = sum(seen["heard"] for seen in rounds)
    result.notes.append(f"{_A_SECOND} messages/s; all {heard:,} were heard by the nine others")


def _storm(result: Result, guests: Crowd, server: Server, plan: Plan) -> None:
    """The busier worker is told to go; another one is started in its place."""
    busiest = max(_workers(server), key=_open_files)
    done = guests.ask("storm", pid=busiest, seconds=plan.seconds, rate=_DURING_THE_STORM)
    say(f"connections: {done['cut']:,} sent away and back within {done['back']:.1f} s")
    result.sides.append(Side("all back and caught up", "s", [done["back"]]))
    target = Target("all back and caught up", done["back"], _BACK_S, "s", at_least=False)
    result.targets.append(target)
    result.notes.append(
        f"{done['cut']:,} were sent away by a worker that left, came back after the time they were"
        f" told, and saw every number once; {done['refused']:,} times they had to ask again"
    )


def _workers(server: Server) -> list[int]:
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def _open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def _memory(server: Server) -> float:
    """KiB that the workers have, with their parts of what is shared."""
    return sum(_proportional_kib(pid) for pid in _workers(server))


def _proportional_kib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return float(line.split()[1])
    raise ValueError("no Pss")
