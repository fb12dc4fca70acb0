"""Deliveries a second in one room: 300 sockets of one worker, against Socket.IO and stock Channels.

People in the room begin and end typing, which is told to all and stored nowhere: parse, is she in
this room, send to everybody. Each server runs alone in its rounds, in turn; the clients come anew
for each, and have heard every frame exactly once when they leave.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.machine import CLIENT_CORE, placement, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.rooms.driver import crowd, make_cast, socket_io
from benchmarks.servers import install_node_peer, megaphone, rallypoint, stock_channels
from benchmarks.stores import Stores

OURS, PEER = "Rallypoint", "Socket.IO"
STOCK, BARE = "stock Channels", "megaphone"
_TARGETS = {PEER: 1.0, STOCK: 15.0}
_SENDERS = 200
_UNDER_WAY = 16
_WARM_UP = 1.0
# The slowest needs longest to be as busy as it gets.
_STOCK_WARM_UP = 3.0


@dataclass
class _Runs:
    name: str
    url: str
    dialect: str = "rallypoint"
    rates: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def measure(self, tokens: Path, plan: Plan) -> None:
        warm_up = min(plan.seconds, _STOCK_WARM_UP if self.name == STOCK else _WARM_UP)
        with crowd(CLIENT_CORE) as clients:
            clients.ask(
                "come", url=self.url, dialect=self.dialect, tokens=str(tokens),
                clients=plan.listeners,
            )  # fmt: skip
            seen = clients.ask(
                "shout", senders=min(_SENDERS, plan.listeners), under_way=_UNDER_WAY,
                warm_up=warm_up, seconds=plan.seconds,
            )  # fmt: skip
        self.rates.append(seen["deliveries"] / seen["seconds"])
        self.busy.append(seen["busy"])

    def side(self) -> Side:
        busy = "/".join(f"{share:.0%}" for share in self.busy)
        return Side(self.name, "1/s", self.rates, f"load's core {busy}")


def run(stores: Stores, plan: Plan) -> Result:
    result = Result("fanout", f"{plan.listeners} sockets in one room; {placement()}")
    with stores.new("fanout") as store, stores.new("peer") as peer_store, ExitStack() as stack:
        tokens = make_cast(store, people=plan.listeners)
        stores.reset(peer_store, like=store)
        sides = [
            _Runs(OURS, stack.enter_context(rallypoint(store))),
            _Runs(STOCK, stack.enter_context(stock_channels(peer_store))),
            _Runs(BARE, stack.enter_context(megaphone())),
        ]
        if why := install_node_peer("rooms", may_download=plan.judged):
            result.notes.append(f"not compared with Socket.IO: {why}")
        else:
            url = stack.enter_context(socket_io(peer_store))
            sides.insert(1, _Runs(PEER, url, "socket.io"))
        for number in range(1, plan.rounds + 1):
            for side in sides:
                side.measure(tokens, plan)
            rates = ", ".join(f"{side.name} {side.rates[-1]:,.0f}/s" for side in sides)
            say(f"fanout: round {number} of {plan.rounds}: {rates}")
    _compare(result, sides)
    return result


def _compare(result: Result, runs: list[_Runs]) -> None:
    sides = {side.name: side.side() for side in runs}
    result.sides += sides.values()
    result.targets += [
        Target(f"{OURS} / {name}", _ratio(sides[OURS], sides[name]), bound)
        for name, bound in _TARGETS.items()
        if name in sides
    ]
    result.notes += [
        f"typing told by {_SENDERS} of them, {_UNDER_WAY} frames under way",
        f"the load takes at least the {sides[BARE].median:,.0f}/s of a server that reads nothing",
        "every frame was heard exactly once by everybody",
    ]


def _ratio(side: Side, other: Side) -> float:
    """Of rounds that followed each other: the machine's moods are the same for both."""
    return median(ours / theirs for ours, theirs in zip(side.rounds, other.rounds, strict=True))
