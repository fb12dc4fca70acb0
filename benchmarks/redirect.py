"""Redirects a second: the whole stack against the usual Node service, and against nothing at all.

Three servers of one worker run at the same time and are asked in turn, round by round. Ours sends
a 302 only when Redis has acknowledged the click; afterwards every one of them has to be stored.
"""

import http.client
import json
from contextlib import ExitStack
from urllib.parse import urlsplit

from benchmarks.inside import call, make_link
from benchmarks.load import CONNECTIONS, HEADERS, Load, load, missing
from benchmarks.machine import placement, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.servers import bare, install_node_peer, node_peer, rallypoint
from benchmarks.stores import Store, Stores

OURS, PEER, BARE = "Rallypoint", "Node, Express and Redis", "bare ASGI"
_WARM_UP = 2.0


class _Runs:
    """Every run against one server, warming up included: all its clicks count."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self.url = name, url
        self.measured: list[Load] = []
        self.requests = self.runs = 0

    def warm_up(self, seconds: float) -> None:
        self._run(seconds)

    def measure(self, seconds: float) -> None:
        self.measured.append(self._run(seconds))

    def _run(self, seconds: float) -> Load:
        seen = load(self.url, seconds)
        if seen.errors or not seen.requests:
            raise SystemExit(f"{self.name}: {seen.errors} errors in {seen.requests} answers")
        self.requests += seen.requests
        self.runs += 1
        return seen

    def sides(self) -> list[Side]:
        p50 = "/".join(f"{run.p50:.1f}" for run in self.measured)
        rates = Side(self.name, "req/s", [run.rate for run in self.measured], f"p50 {p50} ms")
        return [rates, Side(f"{self.name}, p99", "ms", [run.p99 for run in self.measured])]


def run(stores: Stores, plan: Plan) -> Result:
    result = Result("redirect", f"{CONNECTIONS} clients, one link; {placement()}")
    if why := missing():
        result.notes.append(f"not measured: {why}")
        return result
    with stores.new("redirect") as store, stores.new("peer") as peer_store:
        link = call(store, make_link)
        with ExitStack() as stack:
            ours = _Runs(OURS, stack.enter_context(rallypoint(store)) + f"/{link['slug']}")
            servers = [ours, _Runs(BARE, stack.enter_context(bare(peer_store)) + "/landing")]
            if why := install_node_peer("shortener", may_download=plan.judged):
                result.notes.append(f"not compared with the Node service: {why}")
            else:
                servers.insert(1, _start_peer(peer_store, stack))
            _measure(servers, plan)
        _compare(result, {server.name: server for server in servers})
        result.notes += _prove(store, ours, plan.one_by_one)
    return result


def _start_peer(store: Store, stack: ExitStack) -> _Runs:
    with store.redis() as redis:
        redis.set("link:landing", json.dumps({"url": "https://example.org/landing?from=bench"}))
    return _Runs(
        PEER, stack.enter_context(node_peer("shortener", REDIS_URL=store.redis_url)) + "/landing"
    )


def _measure(servers: list[_Runs], plan: Plan) -> None:
    for server in servers:
        server.warm_up(min(_WARM_UP, plan.seconds))
    for number in range(1, plan.rounds + 1):
        for server in servers:
            server.measure(plan.seconds)
        rates = ", ".join(f"{server.name} {server.measured[-1].rate:,.0f}/s" for server in servers)
        say(f"redirect: round {number} of {plan.rounds}: {rates}")


def _compare(result: Result, servers: dict[str, _Runs]) -> None:
    sides = {side.name: side for server in servers.values() for side in server.sides()}
    result.sides += sides.values()

    def ratio(name: str, other: str, bound: float, *, at_least: bool = True) -> None:
        value = sides[name].median / sides[other].median
        result.targets.append(Target(f"{name} / {other}", value, bound, at_least=at_least))

    if PEER in servers:
        ratio(OURS, PEER, 2.5)
        ratio(f"{OURS}, p99", f"{PEER}, p99", 0.5, at_least=False)
    ratio(OURS, BARE, 0.6)


def _prove(store: Store, ours: _Runs, one_by_one: int) -> list[str]:
    """Every 302 is a stored click. A load ends without its last answers: at most one a connection
    and run was counted and not seen. One by one, the numbers are equal."""
    say(f"redirect: draining {ours.requests:,} clicks to count them")
    stored = _stored(store)
    beyond = ours.runs * CONNECTIONS
    if not ours.requests <= stored <= ours.requests + beyond:
        raise SystemExit(f"{ours.requests} redirects were seen and {stored} clicks stored")

    with rallypoint(store) as url:
        _ask(url + urlsplit(ours.url).path, one_by_one)
    if (more := _stored(store) - stored) != one_by_one:
        raise SystemExit(f"{one_by_one} redirects were seen and {more} clicks stored")
    return [
        f"{ours.requests:,} redirects seen, {stored:,} clicks stored (up to {beyond} unseen)",
        f"{more:,} redirects one by one, {more:,} clicks stored; E1 and E2 hold",
    ]


def _stored(store: Store) -> int:
    """How many clicks there are, once the stream is empty and every account agrees."""
    store.manage("drain_clicks", "--once")
    report = json.loads(store.manage("reconcile", "--json"))
    assert report["clean"], report
    assert report["issued"] == report["stored"], report
    return int(report["stored"])


def _ask(url: str, times: int) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    for _ in range(times):
        connection.request("GET", parts.path, headers=HEADERS)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 302, answer.status
    connection.close()
