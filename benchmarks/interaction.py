"""How often a worker answers whether a wallet has done anything here: what other sites ask most."""

from benchmarks.cast import make_players, make_quests, wallet
from benchmarks.claims import complete
from benchmarks.inside import call
from benchmarks.load import CONNECTIONS, load, missing
from benchmarks.machine import placement, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.servers import rallypoint
from benchmarks.stores import Stores

_TARGET = 1_000
_WARM_UP = 2.0


def run(stores: Stores, plan: Plan) -> Result:
    players = plan.claimers
    result = Result(
        "interaction", f"{CONNECTIONS} clients, one wallet of {players:,}; {placement()}"
    )
    if why := missing():
        result.notes.append(f"not measured: {why}")
        return result
    rates, tails = [], []
    with stores.new("interaction") as store:
        cast = call(store, make_players, players=players)
        call(store, make_quests, quests=1)
        call(store, complete, threads=8, first=cast["first"], players=players, quests=[1])
        with rallypoint(store) as base:
            url = f"{base}/api/public/users/interaction/{wallet(players // 2)}"
            load(url, min(_WARM_UP, plan.seconds))
            for number in range(1, plan.rounds + 1):
                seen = load(url, plan.seconds)
                if seen.errors or not seen.requests:
                    raise SystemExit(f"{seen.errors} errors in {seen.requests} answers")
                rates.append(seen.rate)
                tails.append(seen.p99)
                say(f"interaction: round {number} of {plan.rounds}: {seen.rate:,.0f}/s")
    side = Side("interaction", "req/s", rates)
    result.sides += [side, Side("interaction, p99", "ms", tails)]
    result.targets.append(Target("interactions/s", side.median, _TARGET, "req/s"))
    return result
