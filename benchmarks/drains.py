"""Whether clicks come to the tables faster when several processes drain as many streams.

The same clicks of the sample, all of the same few links: their roll-ups are the same rows for all
who drain, so each waits for the others' commits. PostgreSQL and the processes share the machine.
"""

from benchmarks.inside import call, drain_together, fill_stream, make_links
from benchmarks.machine import CORES, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side
from benchmarks.stores import Store, Stores

_STREAMS = (1, 2, 4)


def run(stores: Stores, plan: Plan) -> Result:
    rates: dict[int, list[float]] = {number: [] for number in _STREAMS}
    result = Result("drains", f"{plan.drained:,} clicks a round; {len(CORES)} cores for everything")
    with stores.new("origin") as origin, stores.new("several") as several:
        call(origin, make_links)
        for number in range(1, plan.rounds + 1):
            for streams in _STREAMS:
                stores.reset(several, like=origin)
                with stores.on_all_cores():
                    rates[streams].append(_round(several, plan.drained, streams))
            latest = ", ".join(f"{streams}: {rates[streams][-1]:,.0f}/s" for streams in _STREAMS)
            say(f"drains: round {number} of {plan.rounds}: {latest}")
        several.manage("reconcile", "--json")
    names = {streams: f"drained by {streams}" for streams in _STREAMS}
    result.sides += [Side(names[one], "clicks/s", values) for one, values in rates.items()]
    result.notes.append("E1 and E2 hold over all streams; a tick's process drains any that is free")
    return result


def _round(store: Store, clicks: int, streams: int) -> float:
    call(store, fill_stream, clicks=clicks, streams=streams)
    done = call(store, drain_together, processes=streams)
    assert abs(done["clicks"] - clicks) < clicks * 0.1, done
    return float(done["clicks"] / done["seconds"])
