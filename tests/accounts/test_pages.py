"""/login, /logout and the lock as people see it."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import TokenFamily, User, Wallet
from tests.accounts.conftest import PASSWORD
from tests.accounts.siwe import ALICES, BOBS, TestWallet, compose

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _passwords(alice: User, operator: User) -> None:
    for user in (alice, operator):
        user.set_password(PASSWORD)
        user.save()


def post(client: Client, path: str, username: str, password: str) -> int:
    return client.post(path, {"username": username, "password": password}).status_code


def test_alice_signs_in_and_goes_where_she_wanted(client: Client) -> None:
    page = client.get("/login?next=/somewhere")
    assert page.status_code == 200
    assert "csrfmiddlewaretoken" in page.content.decode()
    answer = client.post(
        "/login", {"username": "alice", "password": PASSWORD, "next": "/somewhere"}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/somewhere")


def test_she_is_not_sent_to_another_site(client: Client, settings: object) -> None:
    form = {"username": "alice", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/login", form)["Location"] == "/"


def test_signing_out_needs_a_post(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get("/logout").status_code == 405
    assert client.post("/logout").status_code == 302
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(("path", "name"), [("/login", "alice"), ("/admin/login/", "operator")])
def test_the_lock_is_a_page_for_people(client: Client, path: str, name: str) -> None:
    assert [post(client, path, name, "wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
    form = {"username": name, "password": PASSWORD}
    locked = client.post(path, form, headers={"Accept": "text/html,*/*;q=0.8"})
    assert locked.status_code == 429
    assert int(locked["Retry-After"]) > 0
    assert locked["Content-Type"].startswith("text/html")
    assert "Try again in 15 min." in locked.content.decode()


def test_the_lock_is_one_for_pages_and_api(client: Client) -> None:
    for _ in range(5):
        post(client, "/login", "alice", "wrong")
    body = {"username": "alice", "password": PASSWORD}
    assert client.post("/api/auth/token", body, "application/json").status_code == 429


@pytest.mark.parametrize("username", ["a\x00b", "x" * 400, "\ufdfa" * 150])
def test_strange_names_are_merely_wrong(client: Client, username: str) -> None:
    assert post(client, "/login", username, "x") == 200


# --- With a wallet --------------------------------------------------------------------------------
def by_wallet(client: Client, wallet: TestWallet, **sent: str) -> Any:
    """What the script of the page does."""
    message = compose(client.post("/api/auth/nonce").json(), wallet.address)
    # A form writes the ends of lines as CR LF.
    form = {"message": message.replace("\n", "\r\n"), "signature": wallet.sign(message)}
    return client.post("/login/wallet", {**form, **sent})


@pytest.mark.django_db(transaction=True)
def test_a_wallet_begins_a_session(client: Client) -> None:
    answer = by_wallet(client, ALICES, next="/quests/1")
    assert (answer.status_code, answer.json()) == (200, {"next": "/quests/1"})
    assert answer["Cache-Control"] == "no-store"
    user = Wallet.objects.get(address=ALICES.address.lower()).user
    assert client.session["_auth_user_id"] == str(user.pk)
    assert user.last_login is not None
    # A page asks for tokens when it needs some.
    assert not TokenFamily.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", ""])
def test_a_wallet_is_not_sent_to_another_site(client: Client, wanted: str) -> None:
    assert by_wallet(client, ALICES, next=wanted).json() == {"next": "/"}


@pytest.mark.django_db(transaction=True)
def test_what_proves_nothing_begins_none(client: Client, bob: User) -> None:
    wrong = by_wallet(client, ALICES, signature=BOBS.sign("something else"))
    assert (wrong.status_code, wrong.json()["code"]) == (401, "signature_mismatch")
    unread = client.post("/login/wallet", {"message": "hello", "signature": "0x"})
    assert (unread.status_code, unread.json()["code"]) == (400, "message_malformed")
    long = client.post("/login/wallet", {"message": "x" * 30_000})
    assert long.json()["code"] == "message_too_long"
    Wallet.objects.create(user=bob, address=BOBS.address.lower())
    bob.is_active = False
    bob.save()
    assert by_wallet(client, BOBS).json()["code"] == "user_inactive"
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db(transaction=True)
def test_failures_of_wallets_are_counted_with_all_others(
    client: Client, settings: Settings
) -> None:
    settings.RATE_LIMITS = {"auth-failed": "5/1d"}
    answers = [by_wallet(client, ALICES, signature="0x" + "00" * 65) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {400}
    wrong = [by_wallet(client, ALICES, signature=BOBS.sign("x")).status_code for _ in range(6)]
    assert wrong == [401] * 5 + [429]
    assert by_wallet(client, ALICES).status_code == 429
    assert client.post("/login", {"username": "alice", "password": PASSWORD}).status_code == 429


def test_a_wallet_of_another_sites_form_is_refused() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/login/wallet", {"message": "x"}).status_code == 403
