"""Messages a second in one room on the whole machine: committed, numbered without gaps, told to
everybody in the room, acknowledged. Against Socket.IO and node-postgres with the same guarantees.

Two workers of ours against one process of Node and its pool of 20; PostgreSQL and the clients share
the machine with them. Nobody sends more than a connection may, so there must be enough people; and
each of them hears all that is said.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cast import count_messages
from benchmarks.inside import call
from benchmarks.machine import say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.rooms.driver import crowd, make_cast, socket_io
from benchmarks.servers import install_node_peer, rallypoint_on_all_cores
from benchmarks.stores import Store, Stores

OURS, PEER = "Rallypoint", "Socket.IO and pg"
_LEAST = 1_500
_TARGET = 1.5
_UNDER_WAY = 8
_WARM_UP = 1.0


@dataclass
class _Runs:
    name: str
    url: str
    store: Store
    dialect: str = "rallypoint"
    rates: list[float] = field(default_factory=list)
    deliveries: list[float] = field(default_factory=list)
    acked: int = 0

    def measure(self, tokens: Path, plan: Plan) -> None:
        with crowd(core=None) as clients:
            clients.ask(
                "come", url=self.url, dialect=self.dialect, tokens=str(tokens),
                clients=plan.talkers,
            )  # fmt: skip
            seen = clients.ask(
                "say", under_way=_UNDER_WAY, warm_up=min(_WARM_UP, plan.seconds),
                seconds=plan.seconds,
            )  # fmt: skip
        self.rates.append(seen["acked"] / seen["seconds"])
        self.deliveries.append(seen["deliveries"] / seen["seconds"])
        self.acked += seen["all"]

    def side(self) -> Side:
        return Side(self.name, "1/s", self.rates)

    def prove(self) -> str:
        """What was acknowledged is stored, once."""
        stored = call(self.store, count_messages)["messages"]
        if stored != self.acked:
            raise SystemExit(f"{self.name}: {self.acked} acknowledged and {stored} stored")
        told = "/".join(f"{rate:,.0f}" for rate in self.deliveries)
        return f"{self.name}: {stored:,} acknowledged, {stored:,} stored; {told} deliveries/s"


def run(stores: Stores, plan: Plan) -> Result:
    result = Result("messages", f"{plan.talkers} people in one room; whole machine, two workers")
    with ExitStack() as stack:
        store = stack.enter_context(stores.new("messages"))
        peer_store = stack.enter_context(stores.new("peer"))
        tokens = make_cast(store, people=plan.talkers)
        stores.reset(peer_store, like=store)
        stack.enter_context(stores.on_all_cores())
        ours = stack.enter_context(rallypoint_on_all_cores(store))
        sides = [_Runs(OURS, ours.url, store)]
        if why := install_node_peer("rooms", may_download=plan.judged):
            result.notes.append(f"not compared with Socket.IO: {why}")
        else:
            url = stack.enter_context(socket_io(peer_store, core=None))
            sides.append(_Runs(PEER, url, peer_store, "socket.io"))
        for number in range(1, plan.rounds + 1):
            for side in sides:
                side.measure(tokens, plan)
            rates = ", ".join(f"{side.name} {side.rates[-1]:,.0f}/s" for side in sides)
            say(f"messages: round {number} of {plan.rounds}: {rates}")
        _compare(result, {runs.name: runs for runs in sides})
    return result


def _compare(result: Result, runs: dict[str, _Runs]) -> None:
    sides = {name: side.side() for name, side in runs.items()}
    result.sides += sides.values()
    ours = sides[OURS].median
    result.targets.append(Target("messages/s", ours, _LEAST, "1/s"))
    if PEER in sides:
        result.targets.append(Target(f"{OURS} / {PEER}", ours / sides[PEER].median, _TARGET))
    result.notes += [side.prove() for side in runs.values()]
    result.notes.append("numbers 1 to n in both; one transaction for each message of the peer's")
