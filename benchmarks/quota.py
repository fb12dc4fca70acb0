"""A quest for the first hundred: what a quota costs when a thousand players claim it at once.

Without HTTP, which would hide the cost: 32 threads, each with a connection of its own, claim for
one player after the other. Each round has a new quest with a quota and a new one without.
"""

from benchmarks.cast import count_completions, make_players, make_quests
from benchmarks.claims import complete
from benchmarks.inside import call
from benchmarks.machine import placement, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.stores import Stores

WITH, WITHOUT = "with a quota", "without one"
_THREADS = 32
_TARGET = 0.5


def run(stores: Stores, plan: Plan) -> Result:
    places = plan.claimers // 10
    what = f"{places} places, {plan.claimers:,} claimers, {_THREADS} at once"
    result = Result("quota", f"{what}; {placement('claimers')}")
    rates: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    with stores.new("quota") as store:
        cast = call(store, make_players, players=plan.claimers)
        for number in range(1, plan.rounds + 1):
            for name, quota in ((WITH, places), (WITHOUT, None)):
                quest = call(store, make_quests, quests=1, quota=quota)["first"]
                done = call(
                    store,
                    complete,
                    alone=True,
                    threads=_THREADS,
                    first=cast["first"],
                    players=plan.claimers,
                    quests=[quest],
                )
                lost = plan.claimers - places if quota else 0
                expected = {"paid": plan.claimers - lost, "quota_exhausted": lost}
                assert done["outcomes"] == {k: v for k, v in expected.items() if v}, done
                rates[name].append(plan.claimers / done["seconds"])
            latest = ", ".join(f"{name} {rates[name][-1]:,.0f}/s" for name in rates)
            say(f"quota: round {number} of {plan.rounds}: {latest}")
        stored = call(store, count_completions)["completions"]
    assert stored == plan.rounds * (places + plan.claimers), stored
    sides = {name: Side(name, "claims/s", values) for name, values in rates.items()}
    result.sides += sides.values()
    ratio = sides[WITH].median / sides[WITHOUT].median
    result.targets.append(Target(f"{WITH} / {WITHOUT}", ratio, _TARGET))
    result.notes.append(
        f"each time exactly {places} paid, all others quota_exhausted; E3 and E4 hold"
    )
    return result
