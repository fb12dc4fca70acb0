"""What all our layers cost together: a Django view behind the whole stack, against the same one
with the stack left out.

The list of quests, never kept because the request has a cookie, so that each answer is made by
Django: DRF, PostgreSQL, JSON. One side is the product as it is deployed, with correlation, limits,
metrics, kept answers, security headers, health, maintenance, bodies, shedding, and a log line a
request. The other is `peers/unlayered.py` on the same server with the same pool of threads and the
same database: ASGI layers, middlewares and throttles of ours are gone, those of others stay. Both
run at the same time and are asked in turn.
"""

import json
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.cast import make_quests
from benchmarks.inside import call
from benchmarks.load import CONNECTIONS, Load, missing
from benchmarks.machine import placement
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.rounds import flawless, in_turn
from benchmarks.servers import logging_its_requests
from benchmarks.stores import Store, Stores

WHOLE, BARE = "the whole stack", "the view without it"
_APPLICATIONS = {
    WHOLE: "config.asgi:application",
    BARE: "benchmarks.peers.unlayered:application",
}
_QUESTS = 20
_PATH = "/api/quests"
_COOKIE = {"Cookie": "theme=dark"}
_TARGET = 0.75


class _Server(NamedTuple):
    url: str
    log: Path

    def load(self, seconds: float) -> Load:
        return flawless(self.url, seconds, _COOKIE)

    def once(self) -> tuple[dict[str, str], object]:
        """Its headers, by names in lower case, and what it says."""
        request = urllib.request.Request(self.url, headers=_COOKIE)  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return headers, json.load(answer)


def run(stores: Stores, plan: Plan) -> Result:
    result = Result("layers", f"{CONNECTIONS} clients, a list of {_QUESTS} quests; {placement()}")
    if why := missing():
        result.notes.append(f"not measured: {why}")
        return result
    with stores.new("layers") as store, ExitStack() as stack:
        call(store, make_quests, quests=_QUESTS)
        servers = {name: _start(store, name, stack) for name in _APPLICATIONS}
        _prove_what_is_left_out(servers)
        measured = in_turn("layers", servers, plan)
        _prove_that_requests_were_logged(servers, measured)
    rates = {name: Side(name, "req/s", [one.rate for one in loads])
             for name, loads in measured.items()}  # fmt: skip
    result.sides += rates.values()
    result.sides += [
        Side(f"{name}, p99", "ms", [one.p99 for one in loads]) for name, loads in measured.items()
    ]
    ratio = rates[WHOLE].median / rates[BARE].median
    result.targets.append(Target(f"{WHOLE} / {BARE}", ratio, _TARGET))
    return result


def _start(store: Store, name: str, stack: ExitStack) -> _Server:
    application = _APPLICATIONS[name]
    log = store.var_dir / f"{application.partition(':')[0]}.log"
    url = stack.enter_context(logging_its_requests(application, store, log))
    return _Server(url + _PATH, log)


def _prove_what_is_left_out(servers: dict[str, _Server]) -> None:
    """Both say the same; only one is correlated, counted and never kept."""
    (whole, quests), (bare, others) = (servers[name].once() for name in (WHOLE, BARE))
    assert quests == others
    ours = {"x-correlation-id", "ratelimit", "permissions-policy"}
    assert ours <= whole.keys(), whole
    assert "x-cache" not in whole, whole
    assert ours.isdisjoint(bare), bare


def _prove_that_requests_were_logged(
    servers: dict[str, _Server], measured: dict[str, list[Load]]
) -> None:
    answered = sum(one.requests for one in measured[WHOLE])
    assert servers[WHOLE].log.read_bytes().count(b"\n") >= answered
    assert _PATH.encode() not in servers[BARE].log.read_bytes()
