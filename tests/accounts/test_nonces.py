"""POST /api/auth/nonce, and that a nonce is good for one attempt in one browser."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIClient

from accounts import nonces
from accounts.models import LoginNonce
from tests.accounts.siwe import ask

pytestmark = pytest.mark.django_db
COOKIE = "__Host-rallypoint_nonce"


def refusal(nonce: str, binding: str) -> str:
    with pytest.raises(AuthenticationFailed) as caught:
        nonces.consume(nonce=nonce, binding=binding)
    return str(caught.value.get_codes())


def test_it_says_what_a_message_must_hold() -> None:
    asked = ask(APIClient())
    nonce, expires_at = asked.pop("nonce"), asked.pop("expiresAt")
    assert asked == {
        "domain": "rally.test",
        "uri": "https://rally.test",
        "chainId": 1,
        "statement": "Sign in to Rallypoint.",
    }
    assert nonce.isalnum()
    assert len(nonce) == 32
    assert expires_at.endswith("Z")
    row = LoginNonce.objects.get()
    assert row.expires_at - row.created_at == timedelta(minutes=5)


def test_the_host_header_changes_nothing_of_it(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert ask(APIClient(headers={"Host": "evil.example"}))["domain"] == "rally.test"


def test_its_cookie_is_for_this_host_alone_and_no_script_sees_it() -> None:
    answer = APIClient().post("/api/auth/nonce")
    assert answer["Cache-Control"] == "no-store"
    cookie = answer.cookies[COOKIE]
    assert len(cookie.value) == 64
    assert {name: cookie[name] for name in ("httponly", "secure", "samesite", "path")} == {
        "httponly": True, "secure": True, "samesite": "Strict", "path": "/",
    }  # fmt: skip
    assert cookie["max-age"] == 300
    assert not cookie["domain"]


def test_the_table_holds_neither_nonce_nor_cookie() -> None:
    client = APIClient()
    nonce = ask(client)["nonce"]
    kept = str(LoginNonce.objects.values_list())
    assert nonce not in kept
    assert client.cookies[COOKIE].value not in kept


def test_two_tabs_of_a_browser_may_sign_in_at_once() -> None:
    client = APIClient()
    first, second = ask(client)["nonce"], ask(client)["nonce"]
    binding = client.cookies[COOKIE].value
    nonces.consume(nonce=first, binding=binding)
    nonces.consume(nonce=second, binding=binding)


def test_a_cookie_that_is_not_ours_is_replaced() -> None:
    client = APIClient()
    client.cookies[COOKIE] = "chosen-by-somebody"
    ask(client)
    assert len(client.cookies[COOKIE].value) == 64


def test_a_nonce_is_good_once() -> None:
    issued = nonces.issue()
    nonces.consume(nonce=issued.nonce, binding=issued.binding)
    assert refusal(issued.nonce, issued.binding) == "nonce_used"


def test_an_attempt_from_another_browser_uses_it_up() -> None:
    issued = nonces.issue()
    for other in ("", "0" * 64):
        assert refusal(nonces.issue().nonce, other) == "nonce_browser_mismatch"
    assert refusal(issued.nonce, nonces.issue().binding) == "nonce_browser_mismatch"
    assert refusal(issued.nonce, issued.binding) == "nonce_used"


def test_an_expired_nonce_says_so() -> None:
    issued = nonces.issue()
    LoginNonce.objects.update(
        created_at=F("created_at") - nonces.LIFETIME, expires_at=F("expires_at") - nonces.LIFETIME
    )
    assert refusal(issued.nonce, issued.binding) == "nonce_expired"


@pytest.mark.parametrize("nonce", ["0" * 32, "", "x" * 4000])
def test_a_nonce_that_was_never_given_out_is_unknown(nonce: str) -> None:
    assert refusal(nonce, nonces.issue().binding) == "nonce_unknown"


@pytest.mark.django_db(transaction=True)
def test_of_a_hundred_attempts_at_once_exactly_one_has_it() -> None:
    issued, threads = nonces.issue(), 10
    together = threading.Barrier(threads)

    def race(_: int) -> list[str]:
        try:
            connection.ensure_connection()
            together.wait(timeout=20)
            return [attempt() for _ in range(10)]
        finally:
            connection.close()

    def attempt() -> str:
        try:
            nonces.consume(nonce=issued.nonce, binding=issued.binding)
        except AuthenticationFailed as refused:
            return str(refused.get_codes())
        return "won"

    with ThreadPoolExecutor(threads) as pool:
        results = [result for ten in pool.map(race, range(threads)) for result in ten]
    assert sorted(results) == ["nonce_used"] * 99 + ["won"]


@pytest.mark.django_db(transaction=True)
def test_it_cannot_be_used_inside_a_transaction_that_might_give_it_back() -> None:
    issued = nonces.issue()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        nonces.consume(nonce=issued.nonce, binding=issued.binding)


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"nonce_hash": "5f0c3b1d9e2a4786"}, "accounts_loginnonce_keeps_hashes"),
        ({"binding_hash": ""}, "accounts_loginnonce_keeps_hashes"),
        ({"expires_at": timezone.now()}, "accounts_loginnonce_expires_after_creation"),
    ],
)
def test_the_database_refuses_a_row_that_makes_no_sense(
    wrong: dict[str, Any], constraint: str
) -> None:
    now = timezone.now()
    right = {"nonce_hash": "0" * 64, "binding_hash": "1" * 64, "created_at": now}
    with pytest.raises(IntegrityError, match=constraint):
        LoginNonce.objects.create(**{**right, "expires_at": now + nonces.LIFETIME, **wrong})


# --- The limit ---
@pytest.fixture
def two_a_minute(settings: Any) -> Iterator[None]:
    settings.RATE_LIMITS = {"nonce": "2/m"}
    return


def statuses(times: int, address: str) -> list[int]:
    return [
        APIClient(REMOTE_ADDR=address).post("/api/auth/nonce").status_code for _ in range(times)
    ]


def test_a_network_has_so_many_a_minute(two_a_minute: None) -> None:
    assert statuses(3, "203.0.113.9") == [200, 200, 429]
    refused = APIClient(REMOTE_ADDR="203.0.113.9").post("/api/auth/nonce")
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "rate_limited"
    assert 0 < int(refused["Retry-After"]) <= 60
    assert refused["RateLimit"].startswith('"nonce";r=0;t=')
    assert refused["RateLimit-Policy"] == '"nonce";q=2;w=60'
    assert statuses(1, "203.0.113.10") == [200]
    assert LoginNonce.objects.count() == 3


def test_of_ipv6_a_household_is_one_caller(two_a_minute: None) -> None:
    assert statuses(2, "2001:db8:1:2::1") == [200, 200]
    assert statuses(1, "2001:db8:1:2:ffff::9") == [429]
    assert statuses(1, "2001:db8:1:3::1") == [200]


def test_callers_without_an_address_share_one_limit(two_a_minute: None) -> None:
    assert statuses(3, "") == [200, 200, 429]


def test_without_a_cache_each_process_counts_for_all(two_a_minute: None, settings: Any) -> None:
    away = {**settings.CACHES["limits"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {**settings.CACHES, "limits": {**away, "OPTIONS": {"processes": 2}}}
    assert statuses(2, "203.0.113.9") == [200, 429]
