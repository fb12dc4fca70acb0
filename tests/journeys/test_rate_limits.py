"""Limits as customers meet them: real workers, sockets and proxies' headers, and a Redis that dies.

Each test comes from a network of its own; windows are a day long, so that none ends meanwhile.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from tests.accounts.siwe import TestWallet
from tests.realtime.talkers import Talker
from tests.stack import Stack, token_of, wait_until

pytestmark = [pytest.mark.xdist_group("limited stack"), pytest.mark.timeout(300)]

RATES = {
    "general": "60/1d",
    "auth": "12/1d",
    "burst": "100000/1d",
    "messages": "6/1d",
    "redirect": "50/1d",
    "shorten": "100/1d",
}
_networks, _questions = itertools.count(1), itertools.count(1)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("limited")
    directory.chmod(0o711)  # the servers' user passes through
    with Stack(directory, RATE_LIMITS=json.dumps(RATES)) as running:
        yield running


@pytest.fixture
def network() -> str:
    return f"203.0.113.{next(_networks)}"


def statuses(stack: Stack, path: str, times: int, forwarded: str) -> dict[int, int]:
    """Each over a connection of its own, so that every worker is asked, and for something of its
    own: an answer that is kept for everybody is given again without being counted."""
    return dict(
        Counter(
            requests.get(
                f"{stack.url}{path}",
                params={"search": str(next(_questions))},
                headers={"X-Forwarded-For": forwarded, "Connection": "close"},
                allow_redirects=False,
                timeout=10,
            ).status_code
            for _ in range(times)
        )
    )


def test_of_150_requests_a_caller_gets_so_many_and_the_rest_is_429(
    limited: Stack, network: str
) -> None:
    assert statuses(limited, "/api/quests", 150, network) == {200: 60, 429: 90}
    refused = requests.get(
        f"{limited.url}/api/quests?search=again", headers={"X-Forwarded-For": network}, timeout=10
    )
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["RateLimit-Policy"] == '"general";q=60;w=86400'
    assert refused.headers["RateLimit"] == f'"general";r=0;t={refused.headers["Retry-After"]}'


def test_a_forged_forwarded_for_changes_nothing(limited: Stack, network: str) -> None:
    """The proxy appends the address that it has seen; what stood there before was the caller's."""
    forged = [f"192.0.2.{number}, {network}" for number in range(1, 66)]
    found = Counter[int]()
    for forwarded in forged:
        found += Counter(statuses(limited, "/api/quests", 1, forwarded))
    assert found == {200: 60, 429: 5}


def test_150_clicks_are_fifty_over_all_workers(limited: Stack, network: str) -> None:
    link = limited.make_link(url="https://example.com/")
    assert statuses(limited, f"/{link['slug']}", 150, network) == {302: 50, 429: 100}
    limited.drain()
    assert limited.click_count(link["slug"]) == 50
    assert limited.reconcile()["clean"]


def test_what_is_said_by_socket_and_by_rest_is_one_count(limited: Stack) -> None:
    alice = limited.sign_in(TestWallet(b"\x0a" * 32))
    room = {"slug": "limited", "name": "L"}
    assert alice.post(f"{limited.url}/api/rooms", json=room, timeout=10).status_code == 201
    address = f"{limited.url}/api/rooms/limited/messages"

    def post() -> int:
        return alice.post(address, json={"body": "by REST"}, timeout=10).status_code

    assert [post(), post()] == [201, 201]
    with Talker(limited, token_of(alice)) as hers:
        hers.join("limited")
        refs = [
            hers.say("message:send", room="limited", body="by socket", clientId=f"c{number}")
            for number in range(7)
        ]
        answers = [hers.answer(ref) for ref in refs]
    assert [answer["event"] for answer in answers] == ["ack"] * 4 + ["error"] * 3
    assert answers[-1]["data"]["code"] == "rate_limited"
    assert post() == 429
    stored = alice.get(address, timeout=10).json()["messages"]
    assert len(stored) == 6


def test_a_network_that_cannot_come_in_is_turned_away_and_good_ones_do_not_count(
    limited: Stack, network: str
) -> None:
    forwarded = {"X-Forwarded-For": network}
    bob = limited.sign_in(TestWallet(b"\x0b" * 32))
    for _ in range(3):
        with Talker(limited, token_of(bob), additional_headers=forwarded) as his:
            his.hear("ready")

    def ending(token: str) -> tuple[int, str]:
        with Talker(limited, token, additional_headers=forwarded) as talker:
            return talker.ending()

    codes = [ending("nonsense")[0] for _ in range(12)]
    assert set(codes) == {4401}
    # Each worker learns of it by a failure of its own.
    refused = {(4429, "rate_limited")}
    wait_until(lambda: {ending("nonsense") for _ in range(10)} == refused)
    assert ending(token_of(bob)) in refused


def test_while_redis_is_dead_limits_go_on_and_redis_counts_again(
    limited: Stack, network: str
) -> None:
    assert set(statuses(limited, "/api/quests", 3, network)) == {200}
    with limited.killed(limited.valkey):
        found = statuses(limited, "/api/quests", 150, network)
        # Two workers with a half each; which of them is asked is not ours to say.
        assert found[200] <= 60
        assert set(found) == {200, 429}
    # What the dead one had counted may be lost with it: then a whole quota is there again.
    wait_until(lambda: statuses(limited, "/api/quests", 20, network).get(429), seconds=60)
