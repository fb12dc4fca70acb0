"""Completions a second through HTTP: the whole stack against the usual Node service.

Every request is the first completion of one quest by one of many players, each with her own token.
Both sides check the token and its sign-in, and run the same statement. Afterwards the completions
that the database has are those that were answered, and the ledger's accounts agree.
"""

import http.client
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.cast import count_completions, make_players, make_quests
from benchmarks.inside import call
from benchmarks.load import CONNECTIONS, Load, load_completions, missing
from benchmarks.machine import placement, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.servers import install_node_peer, node_peer, rallypoint
from benchmarks.statements import write_for_node
from benchmarks.stores import Store, Stores

OURS, LIMITED, PEER = "Rallypoint", "Rallypoint, rates counted", "Node, Express and pg"
# The same for both sides; without them the load would be refused after a second.
_NO_LIMITS = {"RATE_LIMITS": "off"}
_POOL = "20"
_TARGET = 0.5
_LEAST = 20_000 / 60
_WARM_UP = 2.0
# Requests for which there must be quests: more than any side answers.
_MOST_A_SECOND = 4_000


class _Cast:
    """The players of a store, and how far they have come: nobody completes anything twice."""

    def __init__(self, store: Store, tokens: Path) -> None:
        self.store, self.tokens = store, tokens
        self.players = len(self.all_tokens())
        self.asked = self.answered = self.runs = 0

    def all_tokens(self) -> list[str]:
        return self.tokens.read_text(encoding="ascii").split()

    def note(self, answered: int) -> None:
        """A load ends without its last answers, and both generators make one request too many."""
        self.answered += answered
        self.asked += answered + 2 * CONNECTIONS
        self.runs += 1


class _Runs:
    def __init__(self, name: str, url: str, cast: _Cast) -> None:
        self.name, self.url, self.cast = name, url, cast
        self.measured: list[Load] = []

    def warm_up(self, seconds: float) -> None:
        self._run(seconds)

    def measure(self, seconds: float) -> None:
        self.measured.append(self._run(seconds))

    def _run(self, seconds: float) -> Load:
        cast = self.cast
        seen = load_completions(self.url, seconds, tokens=cast.tokens, first=cast.asked)
        if seen.errors or not seen.requests:
            cast.note(seen.requests)
            _ask(cast, self.url, 1)  # says more than a number does, unless it works again
            raise SystemExit(f"{self.name}: {seen.errors} errors in {seen.requests} answers")
        cast.note(seen.requests)
        return seen

    def side(self) -> Side:
        p50, p99 = (
            "/".join(f"{value:.0f}" for value in values)
            for values in zip(*((run.p50, run.p99) for run in self.measured), strict=True)
        )
        note = f"p50 {p50} ms, p99 {p99} ms"
        return Side(self.name, "req/s", [run.rate for run in self.measured], note)


def run(stores: Stores, plan: Plan) -> Result:
    what = f"{CONNECTIONS} clients, {plan.players:,} players; {placement()}"
    result = Result("completions", what)
    if why := missing():
        result.notes.append(f"not measured: {why}")
        return result
    with stores.new("completions") as store, stores.new("peer") as peer_store:
        cast, peer_cast = _make_casts(stores, store, peer_store, plan)
        with ExitStack() as stack:
            ours = stack.enter_context(rallypoint(store, **_NO_LIMITS))
            limited = stack.enter_context(rallypoint(store))
            sides = [_Runs(OURS, ours, cast), _Runs(LIMITED, limited, cast)]
            if why := install_node_peer("quests", may_download=plan.judged):
                result.notes.append(f"not compared with the Node service: {why}")
            else:
                peer = stack.enter_context(_node(peer_store))
                sides.insert(1, _Runs(PEER, peer, peer_cast))
            _measure(sides, plan)
        _compare(result, {side.name: side.side() for side in sides})
        result.notes += _prove(cast, plan.one_by_one // 10)
    result.notes.append("sign-in and statement are the same on both sides; rate limits are off")
    return result


def _make_casts(stores: Stores, store: Store, peer: Store, plan: Plan) -> tuple[_Cast, _Cast]:
    tokens = store.var_dir / "tokens"
    call(store, make_players, players=plan.players, tokens=str(tokens))
    seconds = plan.rounds * plan.seconds + min(_WARM_UP, plan.seconds)
    requests = 2 * seconds * _MOST_A_SECOND
    call(store, make_quests, quests=int(requests / plan.players) + 1)
    stores.reset(peer, like=store)
    return _Cast(store, tokens), _Cast(peer, tokens)


def _node(store: Store):  # noqa: ANN202 - what node_peer gives
    statements = store.var_dir / "statements.json"
    call(store, write_for_node, path=str(statements))
    return node_peer(
        "quests",
        DATABASE_URL=store.database_url,
        DATABASE_POOL_MAX=_POOL,
        STATEMENTS=str(statements),
    )


def _measure(sides: list[_Runs], plan: Plan) -> None:
    for side in sides:
        side.warm_up(min(_WARM_UP, plan.seconds))
    for number in range(1, plan.rounds + 1):
        for side in sides:
            side.measure(plan.seconds)
        rates = ", ".join(f"{side.name} {side.measured[-1].rate:,.0f}/s" for side in sides)
        say(f"completions: round {number} of {plan.rounds}: {rates}")


def _compare(result: Result, sides: dict[str, Side]) -> None:
    result.sides += sides.values()
    ours = sides[OURS].median
    if PEER in sides:
        result.targets.append(Target(f"{OURS} / {PEER}", ours / sides[PEER].median, _TARGET))
    result.targets.append(Target("completions/s", ours, _LEAST, "req/s"))


def _prove(cast: _Cast, one_by_one: int) -> list[str]:
    """A load's last answers may be unseen: at most one a connection and run. Its servers have
    ended, so that none of those is still being written."""
    stored = call(cast.store, count_completions)["completions"]
    beyond = cast.runs * CONNECTIONS
    if not cast.answered <= stored <= cast.answered + beyond:
        raise SystemExit(f"{cast.answered} completions were answered and {stored} are stored")
    with rallypoint(cast.store, **_NO_LIMITS) as url:
        _ask(cast, url, one_by_one)
    if (more := call(cast.store, count_completions)["completions"] - stored) != one_by_one:
        raise SystemExit(f"{one_by_one} completions were answered and {more} are stored")
    return [
        f"{cast.answered:,} completions answered, {stored:,} stored (up to {beyond} unseen)",
        f"{more:,} answered one by one, {more:,} stored; E3 and E4 hold",
    ]


def _ask(cast: _Cast, url: str, times: int) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    tokens = cast.all_tokens()
    for number in range(cast.asked, cast.asked + times):
        quest, player = divmod(number, cast.players)
        headers = {"Authorization": f"Bearer {tokens[player]}"}
        connection.request("POST", f"/api/progress/complete/{quest + 1}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
    connection.close()
