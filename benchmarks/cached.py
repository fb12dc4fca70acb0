"""A public answer that is kept, against the same one made anew, and against the usual Node service
that keeps its answer in Redis.

The list of quests, asked again and again. Whoever sends a cookie is never served what is kept: that
is how the same server makes each answer anew.
"""

import json
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

from benchmarks.cast import make_quests
from benchmarks.inside import call
from benchmarks.load import CONNECTIONS, Load, missing
from benchmarks.machine import placement
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.rounds import flawless, in_turn
from benchmarks.servers import install_node_peer, node_peer, rallypoint
from benchmarks.stores import Stores

KEPT, ANEW, PEER = "kept", "made anew", "Node, Express and Redis"
_QUESTS = 20
_PATH = "/api/quests"
_COOKIE = {"Cookie": "theme=dark"}
_OVER_ANEW, _OVER_PEER = 5, 1.5


class _Asked(NamedTuple):
    url: str
    headers: Mapping[str, str] = {}

    def load(self, seconds: float) -> Load:
        return flawless(self.url, seconds, self.headers)

    def once(self) -> tuple[str, list[dict[str, Any]]]:
        """What it says of its cache, and the quests."""
        request = urllib.request.Request(self.url, headers=dict(self.headers))  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours
            return answer.headers.get("X-Cache", ""), json.load(answer)["results"]


def run(stores: Stores, plan: Plan) -> Result:
    result = Result("cached", f"{CONNECTIONS} clients, a list of {_QUESTS} quests; {placement()}")
    if why := missing():
        result.notes.append(f"not measured: {why}")
        return result
    with stores.new("cached") as store, stores.new("peer") as peer_store, ExitStack() as stack:
        call(store, make_quests, quests=_QUESTS)
        stores.reset(peer_store, like=store)
        url = stack.enter_context(rallypoint(store)) + _PATH
        sides = {KEPT: _Asked(url), ANEW: _Asked(url, _COOKIE)}
        if why := install_node_peer("answers", may_download=plan.judged):
            result.notes.append(f"not compared with the Node service: {why}")
        else:
            peer = node_peer(
                "answers", REDIS_URL=peer_store.redis_url, DATABASE_URL=peer_store.database_url
            )
            sides[PEER] = _Asked(stack.enter_context(peer) + _PATH)
        measured = in_turn("cached", sides, plan)
        _prove(sides)
    _compare(result, measured)
    return result


def _prove(sides: dict[str, _Asked]) -> None:
    """All give the same quests; only the kept ones come from a cache."""
    quests = sides[ANEW].once()[1]
    assert len(quests) == _QUESTS
    for name, asked in sides.items():
        asked.once()
        said, found = asked.once()
        assert said == ("" if name == ANEW else "HIT"), (name, said)
        assert [quest["id"] for quest in found] == [quest["id"] for quest in quests]


def _compare(result: Result, measured: dict[str, list[Load]]) -> None:
    sides = {name: Side(name, "req/s", [one.rate for one in loads])
             for name, loads in measured.items()}  # fmt: skip
    result.sides += sides.values()
    result.sides += [
        Side(f"{name}, p99", "ms", [one.p99 for one in loads]) for name, loads in measured.items()
    ]
    for name, bound in ((ANEW, _OVER_ANEW), (PEER, _OVER_PEER)):
        if name in sides:
            ratio = sides[KEPT].median / sides[name].median
            result.targets.append(Target(f"{KEPT} / {name}", ratio, bound))
