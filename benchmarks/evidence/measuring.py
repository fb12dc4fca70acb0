"""Starting everything, and what was found."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks import PROJECT
from benchmarks.cast import make_players
from benchmarks.evidence.cast import count_paid, make_visits
from benchmarks.inside import call
from benchmarks.machine import say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.servers import rallypoint_on_all_cores, stop
from benchmarks.stores import Store, Stores

_RATE = 500.0
_MEDIAN, _P99 = 2.0, 5.0  # seconds
# One click in so many is a player's own.
_SHARES = (10, 1)
_MEASURED_WITHIN = 300


def run(stores: Stores, plan: Plan) -> Result:
    result = Result(
        "evidence", f"{_RATE:,.0f} clicks/s; whole machine, two web workers, one Celery"
    )
    for share in _SHARES if plan.judged else _SHARES[:1]:
        name = "all of them players'" if share == 1 else f"one in {share} a player's"
        found = _measure(stores, plan, share, name)
        _judge(result, name, found, is_target=share == _SHARES[0])
    return result


def _measure(stores: Stores, plan: Plan, share: int, name: str) -> dict[str, Any]:
    players = max(4, plan.visits // share) + 1
    with stores.new("evidence") as store, stores.on_all_cores():
        tokens, addresses = store.var_dir / "tokens", store.var_dir / "addresses"
        call(store, make_players, players=players, tokens=str(tokens))
        call(store, make_visits, players=players, addresses=str(addresses))
        with rallypoint_on_all_cores(store) as server, _celery(store):
            say(f"evidence: {name}: {players:,} players, {(players - 1) * share:,} clicks")
            asked = {
                "url": server.url, "tokens": tokens.read_text().split(),
                "queries": json.loads(addresses.read_text()), "rate": _RATE, "share": share,
            }  # fmt: skip
            found = _clients(asked)
        paid = call(store, count_paid)
        if paid != {"paid": players, "xp": 10 * players} or found["twice"]:
            raise SystemExit(f"{players} clicked, {paid} were paid, {found['twice']} told twice")
    return found


def _clients(asked: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.evidence.clicking"],
        cwd=PROJECT, input=json.dumps(asked) + "\n", stdout=subprocess.PIPE, text=True,
        timeout=_MEASURED_WITHIN, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def _celery(store: Store) -> Iterator[None]:
    """The worker, with its beat, as an instance runs it."""
    log = Path(store.var_dir / "celery.log")
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config", "--quiet", "worker", "--beat"],
            cwd=PROJECT, env=store.environment, stdout=said, stderr=said,
        )  # fmt: skip
        try:
            yield
        finally:
            stop(process)


def _judge(result: Result, name: str, found: dict[str, Any], *, is_target: bool) -> None:
    seconds = sorted(found["latencies"])
    centiles = quantiles(seconds, n=100, method="inclusive")
    median, p99 = centiles[49], centiles[98]
    result.sides.append(Side(f"{name}: median", "s", [median]))
    result.sides.append(Side(f"{name}: p99", "s", [p99]))
    if is_target:
        result.targets.append(Target("click to XP, median", median, _MEDIAN, "s", at_least=False))
        result.targets.append(Target("click to XP, p99", p99, _P99, "s", at_least=False))
    result.notes.append(
        f"{name}: {len(seconds):,} paid, each once; {found['rate']:,.0f} clicks/s answered, "
        f"{found['failed']} failed; slowest {seconds[-1]:.2f} s"
    )
