"""Nobody needs the host that answered her last: each request goes to the other one of two."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.accounts.siwe import TestWallet, compose
from tests.hosts import Host, Wanderer, second_host
from tests.realtime.talkers import Talker
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.xdist_group("two hosts"), pytest.mark.timeout(300)]
NAME = "rally.test"
RATES = {"nonce": "6/1d", "redirect": "8/1d"}
ALICES, BOBS = TestWallet(b"\x0a" * 32), TestWallet(b"\x0b" * 32)
_networks = itertools.count(1)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("hosts")
    directory.chmod(0o711)  # the servers' user passes through
    settings = {"PUBLIC_URL": f"http://{NAME}", "ALLOWED_HOSTS": f"{NAME},127.0.0.1,127.0.0.2"}
    with Stack(directory, workers=1, RATE_LIMITS=json.dumps(RATES), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def second(first: Stack) -> Iterator[Host]:
    with second_host(first) as running:
        yield running


@pytest.fixture
def wander(first: Stack, second: Host) -> Callable[[], Wanderer]:
    """Somebody from a network of her own."""
    return lambda: Wanderer((first.url, second.url), NAME, f"198.51.100.{next(_networks)}")


def signed_in(client: Wanderer, wallet: TestWallet) -> Wanderer:
    asked = client.post("/api/auth/nonce").json()
    message = compose(asked, wallet.address)
    proof = {"message": message, "signature": wallet.sign(message)}
    answer = client.post("/api/auth/login", json=proof)
    assert answer.status_code == 200, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return client


def test_a_sign_in_by_wallet_begins_at_one_and_ends_at_the_other(
    wander: Callable[[], Wanderer],
) -> None:
    client = signed_in(wander(), ALICES)
    assert {client.get("/api/auth/me").status_code for _ in range(4)} == {200}
    assert client.visited[0] != client.visited[1]


def test_a_form_of_one_is_sent_to_the_other(first: Stack, wander: Callable[[], Wanderer]) -> None:
    make = (
        "from accounts.models import User; User.objects.create_user('ada', password='a-long-one')"
    )
    first.manage("shell", "-v", "0", "-c", make)
    client = wander()

    def token(page: str) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(page).text)
        assert found
        return found[1]

    who = {"username": "ada", "password": "a-long-one", "csrfmiddlewaretoken": token("/login")}
    assert client.post("/login", data=who).status_code == 302
    link = {"url": "https://example.com/", "slug": "of-two", "csrfmiddlewaretoken": token("/links")}
    made = client.post("/links", data=link)
    assert made.status_code == 302
    for _ in range(2):
        assert "of-two" in client.get("/links").text


def test_a_request_that_is_sent_again_to_the_other_is_answered_as_the_first_was(
    first: Stack, wander: Callable[[], Wanderer]
) -> None:
    client = wander()
    client.headers["Authorization"] = f"Bearer {first.key}"
    body, key = {"url": "https://example.com/"}, {"Idempotency-Key": "once"}
    one, two = (client.post("/api/links", json=body, headers=key) for _ in range(2))
    assert one.status_code == two.status_code == 201
    assert one.json() == two.json()
    assert two.headers["Idempotent-Replayed"] == "true"


def test_a_limit_is_one_over_both(first: Stack, wander: Callable[[], Wanderer]) -> None:
    client = wander()
    asked = Counter(client.post("/api/auth/nonce").status_code for _ in range(10))
    assert asked == {200: 6, 429: 4}
    slug = first.make_link(url="https://example.com/")["slug"]
    client = wander()
    clicked = Counter(client.get(f"/{slug}").status_code for _ in range(12))
    assert clicked == {302: 8, 429: 4}
    first.drain()
    assert first.click_count(slug) == 8
    assert first.reconcile()["clean"]


def test_a_changed_link_leads_elsewhere_at_both(
    first: Stack, wander: Callable[[], Wanderer]
) -> None:
    made = first.make_link(url="https://example.com/old")
    client = wander()
    for _ in range(2):  # both have it in memory now
        assert client.get(f"/{made['slug']}").headers["Location"] == "https://example.com/old"
    changed = first.api.patch(
        f"{first.url}/api/links/{made['id']}", json={"url": "https://example.com/new"}, timeout=10
    )
    assert changed.status_code == 200
    client = wander()
    wait_until(lambda: _targets(client, made["slug"]) == {"https://example.com/new"}, seconds=5)


def _targets(client: Wanderer, slug: str) -> set[str]:
    """HEAD: looking is no click, and nobody's limit ends it here."""
    return {client.ask("HEAD", f"/{slug}").headers.get("Location", "") for _ in range(2)}


def test_rooms_are_one_over_both(
    first: Stack, second: Host, wander: Callable[[], Wanderer]
) -> None:
    alice, bob = signed_in(wander(), ALICES), signed_in(wander(), BOBS)
    made = alice.post("/api/rooms", json={"slug": "of-both", "name": "Of both"})
    assert made.status_code == 201, made.text
    tokens = [one.headers["Authorization"].removeprefix("Bearer ") for one in (alice, bob)]
    options = {"origin": f"http://{NAME}"}
    with Talker(first, tokens[0], **options) as hers, Talker(second, tokens[1], **options) as his:  # type: ignore[arg-type]
        hers.join("of-both")
        his.join("of-both")
        assert hers.ask("presence:list", room="of-both")["data"]["present"] == 2
        assert his.ask("presence:list", room="of-both")["data"]["present"] == 2
        for number, (speaker, hearer) in enumerate([(hers, his), (his, hers)] * 3, start=1):
            said = speaker.ask("message:send", room="of-both", body="Hi", clientId=str(number))
            assert said["data"]["seq"] == number
            while hearer.hear("message:received")["seq"] != number:
                pass
        his.socket.close()
        wait_until(lambda: hers.ask("presence:list", room="of-both")["data"]["present"] == 1)
    pages = [alice.get("/api/rooms/of-both/messages").json() for _ in range(2)]
    assert pages[0] == pages[1]
    assert len(pages[0]["messages"]) == 6
    assert first.reconcile()["clean"]
