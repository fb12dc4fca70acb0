"""Ten times as much as the whole machine can answer, and a thousand people at half of it.

What it can answer is found first, by a crowd that asks again as soon as it was answered. Under the
overload, what counts is how much is still answered well, who is refused, and how soon it is as it
was. The crowd shares the machine with the servers: both sides of each ratio do.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from benchmarks.machine import say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.servers import rallypoint_on_all_cores
from benchmarks.stores import Stores
from benchmarks.traffic.driver import Seen, crowd, mixed

_LIMITS_OFF = {"RATE_LIMITS": "off"}
_TIMES = 10.0
_BUSY = 64
_OVERLOADED = 1_000
_PEOPLE = 1_000
# Who look beside the crowd, a second, and over how many connections each kind: as many as nobody
# has to wait for one, however long those before her wait for their answers.
_LOOKS = 25.0
_LOOKING = {"health": 50, "write": 300}
_WARM_UP = 3.0
_BACK_WITHIN = 10


def run(stores: Stores, plan: Plan) -> Result:
    result = Result("overload", "mixed requests; two workers, all cores")
    with stores.new("overload") as store, stores.on_all_cores():
        kinds = mixed(store, players=plan.players)
        with rallypoint_on_all_cores(store, **_LIMITS_OFF) as server:
            crowd(
                server.url, kinds, rate=None, seconds=min(_WARM_UP, plan.seconds), connections=_BUSY
            )
            seconds = plan.seconds * 2
            ask = partial(crowd, server.url, kinds, seconds=seconds)
            looks = [
                partial(
                    crowd, server.url, {name: replace(kinds[name], share=1)}, rate=_LOOKS,
                    seconds=seconds, connections=connections,
                )
                for name, connections in _LOOKING.items()
            ]  # fmt: skip
            able, beside_it = _together(partial(ask, rate=None, connections=_BUSY), looks)
            say(f"overload: {able.rate:,.0f}/s answered")
            _saturated(result, beside_it)
            _people(result, ask, able, min(_PEOPLE, plan.guests))
            _overload(result, ask, looks, able, seconds)
    result.notes.append("half are redirects, a fifth public, a fifth a person's, a tenth writes")
    return result


class Beside(NamedTuple):
    """What those saw who came beside a crowd."""

    health: Seen
    write: Seen


def _together(load: Callable[[], Seen], looks: Sequence[Callable[[], Seen]]) -> tuple[Seen, Beside]:
    """Each in a process of its own."""
    with ThreadPoolExecutor(len(looks)) as beside:
        looking = [beside.submit(look) for look in looks]
        return load(), Beside(*(one.result() for one in looking))


def _saturated(result: Result, beside_it: Beside) -> None:
    """While every answer is followed by the next question, and the machine has nothing left."""
    health = beside_it.health.worst("p99")
    result.sides.append(Side("health beside all that can be answered, p99", "ms", [health]))
    result.targets.append(Target("health, p99", health, 50, "ms", at_least=False))


def _people(result: Result, ask: Callable[..., Seen], able: Seen, people: int) -> None:
    seen = ask(rate=able.rate / 2, connections=people)
    say(f"overload: {people:,} people at half of it: {_told(seen)}")
    result.sides.append(Side(f"{people:,} people, p95", "ms", [seen.worst("p95")]))
    result.targets += [
        Target(f"p95 of {people:,} people", seen.worst("p95"), 200, "ms", at_least=False),
        Target("errors among them", seen.count("error"), 0, "", at_least=False),
    ]


def _overload(
    result: Result,
    ask: Callable[..., Seen],
    looks: Sequence[Callable[[], Seen]],
    able: Seen,
    seconds: float,
) -> None:
    rate = able.rate * _TIMES
    over, beside_it = _together(partial(ask, rate=rate, connections=_OVERLOADED), looks)
    after = ask(rate=able.rate / 2, seconds=2 * seconds, connections=_BUSY)
    say(f"overload: at {rate:,.0f}/s: {_told(over)}")
    result.sides += [
        Side("answered at most", "1/s", [able.rate]),
        Side(f"answered at {_TIMES:.0f} times that", "1/s", [over.rate]),
        Side("health beside that, p99", "ms", [beside_it.health.worst("p99")]),
        Side("shed beside that, median", "ms", [beside_it.write.shed.get("p50", 0.0)]),
    ]
    refused = {name: _refused(kind) for name, kind in over.kinds.items()}
    result.targets += [
        Target("shed, median", beside_it.write.shed.get("p50", 0.0), 50, "ms", at_least=False),
        Target("goodput", over.rate / able.rate, 0.85),
        Target("back to normal", _recovery(after), _BACK_WITHIN, "s", at_least=False),
        Target("refused redirects / refused others", _first(refused), 1.0, at_least=False),
    ]
    shares = ", ".join(f"{name} {share:.0%}" for name, share in refused.items())
    result.notes.append(f"refused: {shares}")


def _told(seen: Seen) -> str:
    counts = ", ".join(f"{seen.count(name):,} {name}" for name in ("good", "shed", "error"))
    return f"{counts}, p95 {seen.worst('p95'):,.0f} ms"


def _refused(kind: dict[str, Any]) -> float:
    total = sum(kind.get(name, 0) for name in ("good", "shed", "limited", "error"))
    return float(1 - kind.get("good", 0) / total) if total else 0.0


def _first(refused: dict[str, float]) -> float:
    others = max(share for name, share in refused.items() if name not in {"redirect", "health"})
    return refused["redirect"] / others if others else 0.0


def _recovery(after: Seen) -> float:
    """Seconds after the end of the overload until nothing is refused any more."""
    bad = [at for at, seen in enumerate(after.timeline, 1) if seen.keys() - {"good"}]
    return float(max(bad, default=0))
