"""The pages, beside the API: forms of other sites, other people's things, sessions and cookies."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.accounts.conftest import PASSWORD
from tests.security.cast import Tenant, is_private, undone
from tests.security.routes import patterns
from tests.security.rows import changed, digests

pytestmark = pytest.mark.django_db

PAGES = [path for path in patterns() if not path.startswith("/api/")]
AWAY = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://rally.test@evil.example/",
    "https://rally.test.evil.example/",
    " https://evil.example/",
    "http://testserver:8080/",
]


@pytest.fixture
def alices(alice: User, client: Client) -> Client:
    alice.set_password(PASSWORD)
    alice.save()
    client.force_login(alice)
    return client


# --- Forms of other sites -------------------------------------------------------------------------
def test_no_page_takes_a_form_without_its_token(hers: Tenant) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(hers.user)
    before, wrong = digests(), []
    for path in PAGES:
        with undone():
            answer = strict.post(hers.address_of(path), {"name": "x", "body": "x"})
            if answer.status_code not in {403, 405} or changed(before):
                wrong.append((path, answer.status_code, changed(before)))
    assert not wrong


def test_reading_a_page_changes_nothing(hers: Tenant, client: Client) -> None:
    """What a picture's address could set off, when another site's page names it."""
    client.force_login(hers.user)
    client.get("/")
    before, wrong = digests(), []
    for path in PAGES:
        with undone():
            client.get(hers.address_of(path))
            if tables := set(changed(before)) - {"django_session"}:
                wrong.append((path, tables))
    assert not wrong


# --- Other people's things ------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_page_shows_or_changes_what_is_hers(
    hers: Tenant, his: Tenant, client: Client, method: str
) -> None:
    client.force_login(his.user)
    before, wrong = digests(), []
    for path in filter(is_private, PAGES):
        with undone():
            form = {"url": "https://taken.example/", "body": "hello", "text": "mine", "slug": "x"}
            address = hers.address_of(path)
            answer = getattr(client, method)(address, form)
            # The address that he has written himself may be in the page.
            told = {mark for mark in hers.marks if mark not in address}
            shown = [mark for mark in told if mark in answer.content.decode()]
            is_refused = answer.status_code in {403, 404, 405}
            if not is_refused or shown or changed(before):
                wrong.append((path, answer.status_code, shown, changed(before)))
    assert not wrong


def test_pages_of_ones_own_are_there_and_nobody_else_finds_lists_of_hers(
    hers: Tenant, his: Tenant, client: Client
) -> None:
    client.force_login(hers.user)
    shown = {path: client.get(hers.address_of(path)) for path in filter(is_private, PAGES)}
    assert {path: page.status_code for path, page in shown.items()} == {
        path: 405 if path.endswith("/leave") else 200 for path in shown
    }
    client.force_login(his.user)
    for path in (path for path in PAGES if not is_private(path)):
        text = client.get(his.address_of(path)).content.decode(errors="replace")
        assert not [mark for mark in hers.marks if mark in text], path


def test_strangers_are_sent_to_sign_in_and_shown_nothing(hers: Tenant, client: Client) -> None:
    for path in filter(is_private, PAGES):
        answer = client.get(hers.address_of(path))
        assert answer.status_code in {302, 405}, path
        assert answer.status_code == 405 or answer["Location"].startswith("/login?next=/")


# --- Sessions and cookies -------------------------------------------------------------------------
def test_a_session_that_somebody_planted_is_not_the_one_that_is_signed_in(
    alices: Client, alice: User
) -> None:
    alices.logout()
    alices.get("/login")
    planted = alices.session
    planted["theirs"] = True
    planted.save()
    alices.cookies["rallypoint_session"] = planted.session_key

    alices.post("/login", {"username": "alice", "password": PASSWORD})

    assert alices.session["_auth_user_id"] == str(alice.pk)
    assert alices.session.session_key != planted.session_key
    stranger = Client()
    stranger.cookies["rallypoint_session"] = planted.session_key
    assert stranger.get("/me").status_code == 302


def test_another_person_takes_nothing_over_from_the_session_before(
    alices: Client, bob: User
) -> None:
    session = alices.session
    session["hers"] = "private"
    session.save()
    alices.post("/logout")
    alices.force_login(bob)
    assert "hers" not in alices.session


def test_cookies_are_out_of_scripts_reach_and_stay_on_this_site(
    alices: Client, settings: Settings
) -> None:
    alices.logout()
    page = alices.get("/login")
    alices.cookies.clear()
    answer = alices.post("/login", {"username": "alice", "password": PASSWORD})
    session, form = answer.cookies["rallypoint_session"], page.cookies["rallypoint_csrf"]
    for cookie in (session, form):
        assert (cookie["samesite"], bool(cookie["secure"]), cookie["domain"]) == ("Lax", True, "")
    assert session["httponly"]
    assert settings.SESSION_COOKIE_SECURE is settings.CSRF_COOKIE_SECURE is settings.HTTPS is True


@pytest.mark.parametrize("away", AWAY)
def test_signing_in_leads_to_no_other_site(alices: Client, away: str) -> None:
    alices.logout()
    form = {"username": "alice", "password": PASSWORD, "next": away}
    answer = alices.post("/login", form)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert alices.get("/login", {"next": away})["Location"] == "/"


# --- What the address line and its neighbours claim -----------------------------------------------
CLAIMS = {
    "X-Forwarded-Host": "evil.example",
    "X-Host": "evil.example",
    "X-Original-URL": "/admin/",
    "X-Rewrite-URL": "/admin/",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Scheme": "http",
    "Forwarded": "host=evil.example",
}


@pytest.mark.parametrize("path", ["/", "/login", "/api/quests", "/api/links", "/embed/leaderboard"])
def test_no_header_of_a_proxy_names_the_host_or_the_path(alices: Client, path: str) -> None:
    plain, claimed = (alices.get(path, headers=headers) for headers in ({}, CLAIMS))
    assert (claimed.status_code, _steady(claimed)) == (plain.status_code, _steady(plain))
    assert "evil" not in claimed.content.decode() + str(claimed.headers)


@pytest.mark.parametrize(
    "host", ["evil.example", "rally.test.evil.example", "rally.test@evil.example"]
)
@pytest.mark.parametrize("path", ["/", "/login", "/api/quests", "/api/health/live"])
def test_an_answer_under_a_name_that_is_not_ours_says_nothing(
    client: Client, host: str, path: str
) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.content.decode() + str(answer.headers)


def _steady(answer: Any) -> str:
    """The page without what is new each time."""
    return re.sub(
        r'(value|nonce|content)="[\w-]{16,}"|"correlationId":\s*"\w+"', "", answer.content.decode()
    )
