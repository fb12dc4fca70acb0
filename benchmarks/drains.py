"""Whether clicks come to the tables faster when several processes drain as many streams.

Once the clicks are of the sample's few links, once they are spread evenly over many: then each has
roll-ups of its own, and costs PostgreSQL several times as much. All of it shares the machine.
"""

from benchmarks.inside import call, drain_together, fill_stream, make_links, make_many_links
from benchmarks.machine import CORES, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side
from benchmarks.stores import Store, Stores

_STREAMS = (1, 2, 4)


def run(stores: Stores, plan: Plan) -> Result:
    rates: dict[tuple[bool, int], list[float]] = {
        (spread, number): [] for spread in (False, True) for number in _STREAMS
    }
    result = Result("drains", f"{plan.drained:,} clicks a round; {len(CORES)} cores for everything")
    with stores.new("origin") as origin, stores.new("several") as several:
        call(origin, make_links)
        call(origin, make_many_links, links=plan.many_links)
        for number in range(1, plan.rounds + 1):
            for (spread, streams), found in rates.items():
                stores.reset(several, like=origin)
                with stores.on_all_cores():
                    found.append(_round(several, plan.drained, streams, spread=spread))
            latest = ", ".join(f"{found[-1]:,.0f}/s" for found in rates.values())
            say(f"drains: round {number} of {plan.rounds}: {latest}")
        several.manage("reconcile", "--json")
    where = {False: "few links", True: f"{plan.many_links:,} links"}
    result.sides += [
        Side(f"{where[spread]}, drained by {streams}", "clicks/s", found)
        for (spread, streams), found in rates.items()
    ]
    result.notes.append("E1 and E2 hold after the last of them; a tick's process drains any stream")
    return result


def _round(store: Store, clicks: int, streams: int, *, spread: bool) -> float:
    call(store, fill_stream, clicks=clicks, streams=streams, spread=spread)
    done = call(store, drain_together, processes=streams)
    assert abs(done["clicks"] - clicks) < clicks * 0.1, done
    return float(done["clicks"] / done["seconds"])
