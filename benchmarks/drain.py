"""Clicks a second from the stream to the roll-ups, and whether that depends on what is stored.

One drain, as `manage.py drain_clicks` runs it, empties a stream filled beforehand: once on a
database with few stored clicks, once on one with many, in turn. All the stored ones lie in today's
partition, which the drained ones go into too: the hardest case.
"""

from typing import Any

from benchmarks.inside import call, drain, fill_clicks, fill_stream, make_links
from benchmarks.machine import placement, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.stores import Store, Stores

_TARGET = 10_000
_GROWTH = 1.3
# Before the clock runs: connections, prepared partitions and caches.
_WARM_UP = 2_000


def run(stores: Stores, plan: Plan) -> Result:
    few, many = f"{plan.few:,} stored", f"{plan.many:,} stored"
    rates: dict[str, list[float]] = {few: [], many: []}
    result = Result("drain", f"{plan.drained:,} clicks a round; {placement('drain')}")
    with stores.new("origin") as origin, stores.new("few") as small, stores.new("many") as large:
        call(origin, make_links)
        stores.reset(large, like=origin)
        _fill(origin, plan.few)
        _fill(large, plan.many)
        for number in range(1, plan.rounds + 1):
            stores.reset(small, like=origin)
            for name, store in ((few, small), (many, large)):
                rates[name].append(_drain_round(store, plan.drained))
            latest = ", ".join(f"{name} {rates[name][-1]:,.0f}/s" for name in rates)
            say(f"drain: round {number} of {plan.rounds}: {latest}")
        large.manage("reconcile", "--json")
    sides = {name: Side(name, "clicks/s", values) for name, values in rates.items()}
    result.sides += sides.values()
    growth = sides[few].median / sides[many].median
    result.targets += [
        Target(f"clicks/s with {many}", sides[many].median, _TARGET, "clicks/s"),
        Target(f"cost of a click, {many} / few", growth, _GROWTH, at_least=False),
    ]
    result.notes.append("rows, visitors, roll-ups and counters are written; E1 and E2 hold")
    return result


def _fill(store: Store, clicks: int) -> None:
    say(f"drain: storing {clicks:,} clicks")
    call(store, fill_clicks, clicks=clicks, days=0)


def _drain_round(store: Store, clicks: int) -> float:
    call(store, fill_stream, clicks=clicks + _WARM_UP)
    done: dict[str, Any] = call(store, drain, alone=True, warm_up=_WARM_UP)
    assert abs(done["clicks"] - clicks) < clicks * 0.1, done
    return float(done["clicks"] / done["seconds"])
