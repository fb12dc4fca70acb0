"""What every request to Django counts, and what its answer says of that."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import throttling
from accounts.models import User
from accounts.services import create_api_key
from monitoring.limits.refusals import limited_now
from monitoring.redis import durable

Api = Callable[..., APIClient]
ADDRESS, OTHER = "203.0.113.9", "198.51.100.7"


@pytest.fixture
def rates(settings: Any) -> Callable[..., None]:
    def use(**tiers: str) -> None:
        settings.RATE_LIMITS = {tier.replace("_", "-"): rate for tier, rate in tiers.items()}

    return use


def from_address(address: str = ADDRESS, **headers: str) -> APIClient:
    return APIClient(REMOTE_ADDR=address, headers=headers)


def statuses(client: Any, method: str, path: str, times: int, *data: Any) -> list[int]:
    return [getattr(client, method)(path, *data).status_code for _ in range(times)]


# --- What is counted, and for whom ----------------------------------------------------------------
def test_every_answer_says_what_is_left(alice: User, api: Api, rates: Any) -> None:
    rates(general="3/1d", burst="10/1h")
    first = api(alice).get("/api/links")
    assert first["RateLimit-Policy"] == '"general";q=3;w=86400'
    assert re.fullmatch(r'"general";r=2;t=\d+', first["RateLimit"])
    second = api(alice).post("/api/links", {"url": "https://example.com/"})
    assert second.status_code == 201
    assert second["RateLimit-Policy"] == '"general";q=3;w=86400, "burst";q=10;w=3600'
    assert re.fullmatch(r'"general";r=1;t=\d+, "burst";r=9;t=\d+', second["RateLimit"])


def test_who_is_over_gets_a_problem_that_says_how_long(alice: User, api: Api, rates: Any) -> None:
    rates(general="2/1d")
    assert statuses(api(alice), "get", "/api/links", 3) == [200, 200, 429]
    refused = api(alice).get("/api/links")
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "rate_limited"
    assert 0 < int(refused["Retry-After"]) <= 86_400
    assert refused["RateLimit"] == f'"general";r=0;t={refused["Retry-After"]}'


def test_a_key_a_person_and_a_network_are_callers_of_their_own(
    alice: User, bob: User, api: Api, rates: Any
) -> None:
    rates(general="1/1d")
    keys = [create_api_key(user=alice, name=name, scopes=["links:read"])[1] for name in "ab"]
    clients = [api(alice), api(bob), *(from_address(**{"X-API-Key": key}) for key in keys)]
    assert [client.get("/api/links").status_code for client in clients] == [200] * 4
    assert [client.get("/api/links").status_code for client in clients] == [429] * 4
    assert from_address().get("/api/quests").status_code == 200
    assert from_address().get("/api/quests").status_code == 429
    assert from_address(OTHER).get("/api/quests").status_code == 200


def test_what_is_refused_before_is_counted_too(rates: Any, db: None) -> None:
    """Without credentials, without a view: no throttle sees those."""
    rates(general="3/1d")
    stranger = from_address()
    paths = ["/api/links", "/api/nothing-here", "/api/links", "/api/links", "/api/nothing-here"]
    assert [stranger.get(path).status_code for path in paths] == [401, 404, 401, 429, 429]
    assert stranger.get("/api/links").json()["code"] == "rate_limited"


def test_changes_have_a_burst_and_reading_has_none(alice: User, api: Api, rates: Any) -> None:
    rates(burst="2/1h")
    assert statuses(api(alice), "get", "/api/links", 4) == [200] * 4
    assert statuses(api(alice), "delete", "/api/links", 3) == [405, 405, 429]


@pytest.mark.parametrize(
    ("tier", "method", "path"),
    [
        ("auth", "get", "/api/auth/me"),
        ("strict", "post", "/api/auth/keys"),
        ("strict", "post", "/api/auth/logout-everywhere"),
        ("strict", "post", "/api/auth/wallets"),
        ("strict", "post", "/api/webhooks"),
        ("profile", "put", "/api/users/profile"),
        ("shorten", "post", "/api/links"),
        ("shorten", "post", "/api/links/bulk"),
        ("shorten", "post", "/api/links/import"),
    ],
)
def test_what_has_a_tier_of_its_own(
    alice: User, api: Api, rates: Any, tier: str, method: str, path: str
) -> None:
    rates(**{tier: "1/1d"})
    first, second = statuses(api(alice), method, path, 2)
    assert (first != 429, second) == (True, 429)


def test_reading_a_sensitive_thing_is_not_strict(alice: User, api: Api, rates: Any) -> None:
    rates(strict="1/1d")
    assert statuses(api(alice), "get", "/api/auth/keys", 3) == [200] * 3


@pytest.mark.parametrize("path", ["/api/health", "/api/healthy", "/api/health/nothing"])
def test_what_django_is_asked_of_health_counts_as_anything_else(
    rates: Any, db: None, path: str
) -> None:
    """Probes without credentials are answered in front of it."""
    rates(general="1/1d")
    assert statuses(from_address(), "get", path, 2)[1] == 429


def test_a_redirection_says_nothing_of_rates(alice: User, api: Api, rates: Any) -> None:
    rates(general="9/1d", shorten="9/1d")
    made = api(alice).post("/links", {"url": "https://example.com/"}, format="multipart")
    assert made.status_code == 302
    assert "RateLimit" not in made


# --- Pages ----------------------------------------------------------------------------------------
def test_pages_that_write_are_counted(alice: User, rates: Any) -> None:
    rates(burst="2/1h")
    client = Client(headers={"Accept": "text/html"})
    client.force_login(alice)
    form = {"url": "https://example.com/"}
    assert statuses(client, "get", "/links", 3) == [200] * 3
    assert statuses(client, "post", "/links", 3, form) == [302, 302, 429]
    refused = client.post("/links", form)
    assert refused["Content-Type"].startswith("text/html")
    assert int(refused["Retry-After"]) > 0


def test_links_made_on_a_page_and_by_the_api_are_one_count(
    alice: User, api: Api, rates: Any
) -> None:
    rates(shorten="1/1d")
    assert api(alice).post("/api/links", {"url": "https://example.com/"}).status_code == 201
    page = api(alice).post("/links", {"url": "https://example.com/"}, format="multipart")
    assert page.status_code == 400
    assert b"Too many requests" in page.content


# --- Failures -------------------------------------------------------------------------------------
def wrong(client: APIClient, name: str) -> int:
    body = {"username": name, "password": "wrong"}
    return client.post("/api/auth/token", body).status_code


def test_after_five_failures_a_network_may_not_try_any_more(alice: User, rates: Any) -> None:
    rates(auth_failed="5/1d")
    alice.set_password("right horse battery")
    alice.save()
    right = {"username": "alice", "password": "right horse battery"}
    client = from_address()
    assert [wrong(client, f"nobody-{number}") for number in range(6)] == [401] * 5 + [429]
    assert client.post("/api/auth/token", right).status_code == 429
    assert from_address(OTHER).post("/api/auth/token", right).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/admin/login/"])
def test_pages_of_signing_in_share_that_count(alice: User, rates: Any, path: str) -> None:
    rates(auth_failed="2/1d")
    wrong(from_address(), "nobody")
    form = {"username": "alice", "password": "wrong"}
    client = Client(REMOTE_ADDR=ADDRESS)
    assert statuses(client, "post", path, 2, form) == [200, 429]
    assert client.get(path).status_code == 200


def test_who_signs_in_rightly_is_not_counted(alice: User, rates: Any) -> None:
    rates(auth_failed="1/1d")
    alice.set_password("right horse battery")
    alice.save()
    right = {"username": "alice", "password": "right horse battery"}
    assert statuses(from_address(), "post", "/api/auth/token", 3, right) == [200] * 3


def test_wrong_api_keys_are_failures_and_right_ones_go_on(alice: User, rates: Any) -> None:
    rates(auth_failed="2/1d")
    _, key = create_api_key(user=alice, name="k", scopes=["links:read"])
    guesser, owner = (from_address(**{"X-API-Key": text}) for text in ("rp_wrong", key))
    assert statuses(guesser, "get", "/api/links", 3) == [401, 401, 429]
    assert owner.get("/api/links").status_code == 200


def test_a_wallet_that_proves_nothing_is_a_failure(rates: Any, db: None) -> None:
    rates(auth_failed="1/1d")
    body = {"message": "nonsense", "signature": "0x00"}
    assert from_address().post("/api/auth/login", body).status_code == 400
    wrong(from_address(), "nobody")
    assert from_address().post("/api/auth/login", body).status_code == 429


# --- Who is believed ------------------------------------------------------------------------------
def test_a_forged_forwarded_address_changes_nothing(rates: Any, db: None) -> None:
    rates(general="2/1d")
    forged = [from_address(**{"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(4)]
    assert [client.get("/api/quests").status_code for client in forged] == [200, 200, 429, 429]


def test_a_trusted_proxy_is_believed_and_what_it_was_told_is_not(
    rates: Any, settings: Any, db: None
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    rates(general="2/1d")
    told = [f"192.0.2.{n}, {ADDRESS}" for n in range(3)]
    through = [from_address("10.0.0.1", **{"X-Forwarded-For": hops}) for hops in told]
    assert [client.get("/api/quests").status_code for client in through] == [200, 200, 429]
    another = from_address("10.0.0.1", **{"X-Forwarded-For": OTHER})
    assert another.get("/api/quests").status_code == 200


def test_nothing_is_counted_for_an_exempt_network(rates: Any, settings: Any, db: None) -> None:
    settings.RATE_LIMIT_EXEMPT = ["203.0.113.0/24"]
    rates(general="1/1d")
    assert statuses(from_address(), "get", "/api/quests", 3) == [200] * 3
    assert statuses(from_address(OTHER), "get", "/api/quests", 2) == [200, 429]


# --- A customer's loop ----------------------------------------------------------------------------
def test_a_loop_of_150_links_is_stopped_at_a_hundred(alice: User, api: Api, settings: Any) -> None:
    settings.RATE_LIMITS = {"general": "5000/15m", "auth": "50/15m", "shorten": "100/1d"}
    client = api(alice)
    found = statuses(client, "post", "/api/links", 150, {"url": "https://example.com/"})
    assert found == [201] * 100 + [429] * 50
    assert statuses(client, "get", "/api/links", 150) == [200] * 150


# --- Operators ------------------------------------------------------------------------------------
def test_operators_see_who_is_limited_and_no_address(rates: Any, db: None) -> None:
    throttling._refusals.cache_clear()  # earlier tests have told within this second
    rates(general="1/1d")
    statuses(from_address(), "get", "/api/quests", 3)
    (found,) = limited_now(durable())
    assert (found.tier, found.caller) == ("general", "203.0.113.0/24")
    User.objects.create_superuser("boss", password="x")
    boss = Client(REMOTE_ADDR=OTHER)
    boss.force_login(User.objects.get(username="boss"))
    page = boss.get("/admin/monitoring/limitedcaller/").content.decode()
    assert "203.0.113.0/24" in page
    assert ADDRESS not in page


def test_only_who_may_look_sees_the_list(operator: User, db: None) -> None:
    client = Client()
    client.force_login(operator)
    assert client.get("/admin/monitoring/limitedcaller/").status_code == 403
