"""The fault table: what goes on when a part is gone, silent or slow, and that all of it comes back
by itself. A row is a fault, a test is a cell of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.chaos.faults.house import House
from tests.chaos.faults.rows import ROWS, Row
from tests.gate import Gate
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(300)]
# Until it is known everywhere that a part is gone; a worker's heartbeat is missed after 30 s.
NOTICED_WITHIN, HEALED_WITHIN = 60, 60


class Fault:
    """A row that goes on until it is mended."""

    def __init__(self, name: str, house: House) -> None:
        self.name, self.row, self.house = name, ROWS[name], house
        self._open = ExitStack()
        house.meet()
        self._open.enter_context(self.row.begin(house))

    def mend(self) -> None:
        self._open.close()


def open_house(stack: Stack, row: Row, until: ExitStack) -> House:
    if not row.gated:
        return until.enter_context(House(stack))
    straight = stack.env["DATABASE_URL"]
    parts = conninfo_to_dict(straight)
    gate = Gate(str(parts["host"]), str(parts["port"]))
    until.callback(gate.shut)
    until.callback(lead, stack, straight)
    login = f"{parts['user']}:{parts['password']}"
    lead(stack, f"postgresql://{login}@127.0.0.1:{gate.port}/{parts['dbname']}")
    return until.enter_context(House(stack, gate))


def lead(stack: Stack, database_url: str) -> None:
    """The same instance, which reaches its database there."""
    stack.stop_web()
    stack.env["DATABASE_URL"] = database_url
    stack.start_web()


HouseFor = Callable[[Row], House]


@pytest.fixture(scope="module")
def house_for(stack: Stack) -> Iterator[HouseFor]:
    """One house for all rows that can have it."""
    with ExitStack() as until:
        houses: dict[bool, House] = {}

        def find(row: Row) -> House:
            if row.gated not in houses:
                until.close()
                houses.clear()
                houses[row.gated] = open_house(stack, row, until)
            return houses[row.gated]

        yield find


@pytest.fixture(scope="module", params=ROWS)
def fault(house_for: HouseFor, long_form: bool, request: pytest.FixtureRequest) -> Iterator[Fault]:
    if ROWS[request.param].long and not long_form:
        pytest.skip("CHAOS=long tries it")
    begun = Fault(request.param, house_for(ROWS[request.param]))
    yield begun
    begun.mend()


def test_redirects_go_on(fault: Fault) -> None:
    seen = [fault.house.see(f"/{fault.house.slug}") for _ in range(20)]
    fault.house.clicks += len(seen)
    assert {one.status for one in seen} == {302}
    assert sorted(one.seconds for one in seen)[10] < 0.5


def test_public_reads(fault: Fault) -> None:
    def is_as_expected() -> bool:
        seen = fault.house.see(fault.house.quest)
        assert seen.status == 200
        assert seen.body["title"] == "Q"
        said = seen.headers.get("X-Cache", "")
        assert said != "STALE" or int(seen.headers["Age"]) >= 1
        return said in fault.row.reads

    wait_until(is_as_expected)


def test_writes(fault: Fault) -> None:
    wait_until(lambda: fault.house.write().status == fault.row.write)
    seen = [fault.house.write() for _ in range(10)]
    assert {one.status for one in seen} == {fault.row.write}
    assert sorted(one.seconds for one in seen)[5] < fault.row.write_within
    if fault.row.write == 503:
        assert all(1 <= int(one.headers["Retry-After"]) <= 60 for one in seen)
        assert all(one.body["code"] for one in seen)


def test_rooms(fault: Fault) -> None:
    answer = fault.house.say(f"while {fault.name}")
    assert (answer["data"].get("code") or "ack") == fault.row.room
    fault.house.stay()


def test_health_and_figures(fault: Fault) -> None:
    def told() -> tuple[int, str]:
        seen = fault.house.health()
        return seen.status, seen.body["status"]

    wait_until(lambda: told() == fault.row.health, seconds=NOTICED_WITHIN)
    assert fault.house.see("/api/health/live").status == 200
    name, labels = fault.row.shows
    wait_until(lambda: fault.house.metric(name, **labels) > 0)


def is_kept(house: House) -> bool:
    """By every process: any of them may answer."""
    return {house.see(house.quest).headers.get("X-Cache") for _ in range(8)} == {"HIT"}


def test_it_heals_by_itself(fault: Fault) -> None:
    house = fault.house
    house.stay()
    fault.mend()
    wait_until(lambda: house.write().status == 201, seconds=HEALED_WITHIN)
    wait_until(lambda: is_kept(house), seconds=HEALED_WITHIN)
    wait_until(lambda: house.health().body["status"] == "healthy", seconds=HEALED_WITHIN)
    assert house.click() == 302
    wait_until(lambda: house.counted() == house.clicks, seconds=HEALED_WITHIN)
    words, last = "", f"after {fault.name}"
    assert house.say(last)["event"] == "ack"
    while words != last:
        words = house.bob.hear("message:received")["body"]
    report = house.stack.reconcile()
    assert report["clean"], report["differences"]
