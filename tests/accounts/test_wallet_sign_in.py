"""POST /api/auth/login: a signed message, and every way in which one proves nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts import wallets
from accounts.addresses import to_checksum
from accounts.figures import Figures
from accounts.models import LoginNonce, User, Wallet
from tests.accounts.siwe import ALICES, BOBS, ask, compose, prove, send

pytestmark = pytest.mark.django_db
EARLIER, LATER = (
    (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ") for hours in (-1, 1)
)


@pytest.fixture
def browser() -> APIClient:
    return APIClient()


def refused(answer: Any, status: int = 401) -> str:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    if status == 401:
        assert answer["WWW-Authenticate"].startswith("Bearer")
    assert not User.objects.exists()
    return str(answer.json()["code"])


# --- Signing in -----------------------------------------------------------------------------------
def test_the_first_sign_in_makes_the_account(
    browser: APIClient, bearer: Callable[[str], APIClient]
) -> None:
    answer = prove(browser, ALICES)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body.keys() == {"token", "refreshToken", "user"}
    user = User.objects.get()
    assert not user.has_usable_password()
    assert user.last_login is not None
    assert body["user"] == {
        "id": str(user.public_id),
        "walletAddress": ALICES.address,
        "username": f"{ALICES.address[:6]}-{ALICES.address[-4:]}",
        "totalXP": 0,
        "completedQuests": 0,
        "achievements": 0,
        "isOperator": False,
        "registeredAt": body["user"]["registeredAt"],
    }
    me = bearer(body["token"]).get("/api/auth/me")
    assert me.json() == {"user": body["user"]}
    refreshed = APIClient().post("/api/auth/refresh", {"refreshToken": body["refreshToken"]})
    assert refreshed.status_code == 200


def test_the_second_one_finds_it(browser: APIClient) -> None:
    first, second = prove(browser, ALICES).json(), prove(APIClient(), ALICES).json()
    assert first["user"] == second["user"]
    assert first["refreshToken"] != second["refreshToken"]
    wallet = Wallet.objects.get()
    assert (wallet.address, wallet.is_primary) == (ALICES.address.lower(), True)


def test_it_leaves_no_browser_session(browser: APIClient) -> None:
    assert prove(browser, ALICES).cookies.keys() <= {"__Host-rallypoint_nonce"}
    assert not Session.objects.exists()


def test_the_name_may_be_taken_already(browser: APIClient, alice: User) -> None:
    wanted = f"{ALICES.address[:6]}-{ALICES.address[-4:]}"
    User.objects.filter(pk=alice.pk).update(username=wanted.upper())
    name = prove(browser, ALICES).json()["user"]["username"]
    assert name.startswith(f"{wanted}-")
    assert name.isascii()


def test_the_figures_are_those_of_the_function_in_the_settings(
    browser: APIClient, settings: Any
) -> None:
    settings.ACCOUNTS_FIGURES = "tests.accounts.test_wallet_sign_in.plenty"
    user = prove(browser, ALICES).json()["user"]
    assert (user["totalXP"], user["completedQuests"], user["achievements"]) == (1250, 7, 3)


def plenty(user_ids: list[int]) -> dict[int, Figures]:
    return {user_id: Figures(1250, 7, 3) for user_id in user_ids}


def test_an_expired_token_in_the_header_does_not_hinder() -> None:
    browser = APIClient(headers={"Authorization": "Bearer x"})
    assert prove(browser, ALICES).status_code == 200


def test_an_account_that_was_closed_stays_so(browser: APIClient) -> None:
    prove(browser, ALICES)
    User.objects.update(is_active=False)
    answer = prove(browser, ALICES)
    assert (answer.status_code, answer.json()["code"]) == (401, "user_inactive")


def test_it_takes_few_queries(
    browser: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    prove(browser, ALICES)
    message = compose(ask(browser), ALICES.address)
    with django_assert_num_queries(13):
        assert send(browser, message, ALICES.sign(message)).status_code == 200


@pytest.mark.parametrize("scheme", ["", "https://"])
def test_the_first_line_may_name_the_scheme(browser: APIClient, scheme: str) -> None:
    assert prove(browser, ALICES, domain=f"{scheme}rally.test").status_code == 200


def test_every_optional_part_may_be_there(browser: APIClient) -> None:
    more = (
        f"\nExpiration Time: {LATER}\nNot Before: {EARLIER}\nRequest ID: 7\nResources:\n- urn:a:b"
    )
    assert prove(browser, ALICES, more=more).status_code == 200


def test_another_chain_of_the_settings_is_welcome(browser: APIClient, settings: Any) -> None:
    settings.WALLET_CHAIN_IDS = [10, 1]
    assert ask(browser)["chainId"] == 10
    assert prove(browser, ALICES, chainId=1).status_code == 200


# --- What proves nothing --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"domain": "evil.example"}, "domain_mismatch"),
        ({"domain": "rally.test:443"}, "domain_mismatch"),
        ({"domain": "RALLY.test"}, "domain_mismatch"),
        ({"domain": "http://rally.test"}, "domain_mismatch"),
        ({"domain": "rally.test@evil.example"}, "domain_mismatch"),
        ({"uri": "https://evil.example"}, "uri_mismatch"),
        ({"uri": "https://rally.test/"}, "uri_mismatch"),
        ({"uri": "http://rally.test"}, "uri_mismatch"),
        ({"chainId": 5}, "chain_not_allowed"),
        ({"nonce": "0" * 32}, "nonce_unknown"),
        ({"issuedAt": LATER}, "issued_in_future"),
        ({"issuedAt": EARLIER}, "message_stale"),
        ({"more": f"\nExpiration Time: {EARLIER}"}, "message_expired"),
        ({"more": f"\nNot Before: {LATER}"}, "message_not_yet_valid"),
        ({"address": BOBS.address}, "signature_mismatch"),
    ],
)
def test_a_well_signed_message_that_is_not_for_us_or_not_for_now(
    browser: APIClient, changed: dict[str, Any], code: str
) -> None:
    asked = ask(browser)
    message = compose({**asked, **changed}, changed.get("address", ALICES.address))
    assert refused(send(browser, message, ALICES.sign(message))) == code


def test_every_attempt_uses_its_nonce_up_however_it_ends(browser: APIClient) -> None:
    asked = ask(browser)
    wrong = compose({**asked, "domain": "evil.example"}, ALICES.address)
    right = compose(asked, ALICES.address)
    assert refused(send(browser, wrong, "nonsense")) == "domain_mismatch"
    assert refused(send(browser, right, ALICES.sign(right))) == "nonce_used"


def test_a_message_is_good_once(browser: APIClient) -> None:
    message = compose(ask(browser), ALICES.address)
    assert send(browser, message, ALICES.sign(message)).status_code == 200
    again = send(browser, message, ALICES.sign(message))
    assert (again.status_code, again.json()["code"]) == (401, "nonce_used")


@pytest.mark.parametrize("other_nonce", [False, True])
def test_a_message_that_was_signed_for_another_browser_is_worth_nothing(
    browser: APIClient, other_nonce: bool
) -> None:
    message = compose(ask(browser), ALICES.address)
    thief = APIClient()
    if other_nonce:
        ask(thief)
    assert refused(send(thief, message, ALICES.sign(message))) == "nonce_browser_mismatch"


def test_a_nonce_that_was_kept_too_long_has_expired(browser: APIClient) -> None:
    message = compose(ask(browser), ALICES.address)
    LoginNonce.objects.update(created_at="2001-01-01T00:00Z", expires_at="2001-01-01T00:05Z")
    assert refused(send(browser, message, ALICES.sign(message))) == "nonce_expired"


def test_whatever_byte_is_altered_it_is_refused(browser: APIClient, settings: Any) -> None:
    settings.RATE_LIMITS = {}
    length = len(compose(ask(browser), ALICES.address))
    for position in range(0, length, 7):
        message = compose(ask(browser), ALICES.address)
        altered = message[:position] + chr(ord(message[position]) ^ 1) + message[position + 1 :]
        answer = send(browser, altered, ALICES.sign(message))
        assert answer.status_code in {400, 401}, altered
    assert not User.objects.exists()


@pytest.mark.parametrize("signature", ["", "0x", "0x12", "0x" + "00" * 65, "0x" + "11" * 4096])
def test_a_malformed_signature_says_so(browser: APIClient, signature: str) -> None:
    message = compose(ask(browser), ALICES.address)
    assert refused(send(browser, message, signature), 400) == "signature_malformed"


@pytest.mark.parametrize(
    ("changed", "code", "reason"),
    [
        ({"version": "2"}, "version_unsupported", None),
        ({"issuedAt": "today"}, "message_malformed", "issued_at"),
        ({"more": "\n"}, "message_malformed", "unexpected_line"),
        ({"more": "\r\n"}, "message_malformed", "issued_at"),
        ({"address": ALICES.address.lower()}, "wallet_checksum", None),
        ({"more": f"\nRequest ID: {'a' * 4096}"}, "message_too_long", None),
    ],
)
def test_what_is_no_message_says_so(
    browser: APIClient, changed: dict[str, Any], code: str, reason: str | None
) -> None:
    message = compose(ask(browser), **{"address": ALICES.address, **changed})
    answer = send(browser, message, ALICES.sign(message))
    assert refused(answer, 400) == code
    assert answer.json().get("reason") == reason


@pytest.mark.parametrize("around", [" {}", "{} ", "\n{}", "{}\n", "\ufeff{}"])
def test_white_space_around_it_is_not_forgiven(browser: APIClient, around: str) -> None:
    message = around.format(compose(ask(browser), ALICES.address))
    assert refused(send(browser, message, ALICES.sign(message)), 400) == "message_malformed"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "validation_error"),
        (b"{", "malformed_json"),
        (b"{}", "validation_error"),
        (b'"x"', "validation_error"),
        (b'{"message": "", "signature": ""}', "message_malformed"),
        (b'{"message": 7, "signature": "0x"}', "validation_error"),
        (b'{"message": "x", "signature": null}', "validation_error"),
        (b'{"message": ["x"], "signature": "0x"}', "validation_error"),
        (b'{"message": "\xff", "signature": "0x"}', "invalid_encoding"),
        (b'{"message": "\\ud800", "signature": "0x"}', "invalid_characters"),
        (b'{"message": "x\\u0000", "signature": "0x"}', "invalid_characters"),
        (b'{"message": "' + b"x" * 1_000_000 + b'", "signature": "0x"}', "message_too_long"),
    ],
    ids=range(12),
)
def test_nonsense_is_a_problem_of_the_caller(body: bytes, code: str) -> None:
    answer = APIClient().generic("POST", "/api/auth/login", body, "application/json")
    assert refused(answer, 400) == code


def test_a_name_is_shown_in_ascii() -> None:
    assert wallets._username(ALICES.address.lower(), "ab12") == (
        f"{to_checksum(ALICES.address)[:6]}-{ALICES.address[-4:]}-ab12"
    )
