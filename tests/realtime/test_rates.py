"""How often people speak over sockets, judged for a group of messages, and who is let in."""

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings

from monitoring.limits.limits import Limits
from monitoring.proxies import parse_networks
from realtime.socket.rates import Rates
from realtime.socket.runtime import Rooms
from realtime.socket.stream import EventStream

ANN, BEN = 1, 2
OFFICE = "203.0.113.9"


@pytest.fixture
async def rates() -> AsyncIterator[Callable[..., Rates]]:
    made: list[Rates] = []

    def make(**tiers: str) -> Rates:
        limits = Limits(settings.CACHE_URL, tiers)
        trusted, exempt = parse_networks(["10.0.0.0/8"]), parse_networks(["192.0.2.0/24"])
        made.append(Rates(limits, trusted_proxies=trusted, exempt=exempt))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def scope(peer: str = OFFICE, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", hops.encode()) for hops in forwarded]
    return {"client": (peer, 4711), "headers": headers}


async def test_of_a_group_the_first_messages_pass(rates: Any) -> None:
    judged = rates(messages="3/1d")
    found = await judged.judge([ANN, ANN, BEN, ANN, ANN])
    assert [refusal and refusal.code for refusal in found] == [None] * 4 + ["rate_limited"]
    assert [bool(refusal) for refusal in await judged.judge([ANN, BEN])] == [True, False]


async def test_without_the_tier_everything_passes(rates: Any) -> None:
    assert await rates().judge([ANN] * 500) == [None] * 500
    assert await Rates().judge([ANN]) == [None]


async def test_a_network_that_fails_too_often_is_known_here(rates: Any) -> None:
    judged = rates(auth="2/1d")
    network = judged.network_of(scope())
    await judged.count_failure(network)
    assert not judged.wait_of(network)
    await judged.count_failure(network)
    assert judged.wait_of(network)
    assert not judged.wait_of(judged.network_of(scope("198.51.100.7")))


async def test_bad_tokens_at_the_stream_count_as_at_the_socket(rates: Any) -> None:
    rooms: Any = Rooms(database_url="", redis_url="", rates=rates(auth="2/1d"))
    rooms.store = SimpleNamespace(row=_nobody)
    stream = EventStream(_nobody, rooms)
    assert [await refusal_at(stream) for _ in range(3)] == [401, 401, 429]
    assert rooms.rates.wait_of(OFFICE)


async def refusal_at(stream: EventStream) -> int:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer x.y.z")]
    asked = {"type": "http", "method": "GET", "path": "/api/rooms/lobby/events"}
    whole = asked | {"query_string": b"", "client": (OFFICE, 4711), "headers": headers}
    await stream(whole, _nobody, send)
    assert (b"retry-after" in dict(sent[0]["headers"])) == (sent[0]["status"] == 429)
    return int(sent[0]["status"])


async def _nobody(*_: Any) -> Any:
    raise AssertionError("not asked")


@pytest.mark.parametrize(
    ("asked", "network"),
    [
        (scope(OFFICE), OFFICE),
        (scope(OFFICE, "198.51.100.1"), OFFICE),  # she says so herself
        (scope("10.0.0.1", f"198.51.100.1, {OFFICE}"), OFFICE),
        (scope("10.0.0.1", "198.51.100.1", OFFICE), OFFICE),
        (scope("2001:db8:1:2::9"), "2001:db8:1:2::/64"),
        (scope("192.0.2.1"), ""),
        ({"client": None, "headers": []}, ""),
    ],
)
async def test_only_a_trusted_proxy_is_believed(rates: Any, asked: Any, network: str) -> None:
    assert rates().network_of(asked) == network
