"""The access tokens of pages: one sign-in for each browser session, ended with it."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY as SIGNED_IN
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from accounts import browser, selectors, services
from accounts.models import TokenFamily, User
from monitoring.redis import durable
from tests.together import together


@pytest.fixture
def pages(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def session_of(client: Client) -> SessionStore:
    """As a request of hers reads it."""
    return SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)


def mint(client: Client, user: User) -> str:
    return browser.mint_for_session(session=session_of(client), user=user).access


def refusal(token: str) -> str:
    with pytest.raises(AuthenticationFailed) as caught:
        selectors.find_family(access_token=token)
    return str(caught.value.get_codes())


@pytest.mark.django_db
def test_every_token_of_a_session_is_of_one_family(pages: Client, alice: User) -> None:
    families = {selectors.find_family(access_token=mint(pages, alice)).uuid for _ in range(3)}
    assert len(families) == TokenFamily.objects.count() == 1
    assert selectors.find_family(access_token=mint(pages, alice)).user == alice


@pytest.mark.django_db
def test_a_token_says_when_it_ends_and_its_family_outlives_it(pages: Client, alice: User) -> None:
    made = browser.mint_for_session(session=session_of(pages), user=alice)
    left = made.expires_at - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert TokenFamily.objects.get().expires_at > made.expires_at


@pytest.mark.django_db
def test_two_browsers_have_two_families(pages: Client, alice: User) -> None:
    other = Client()
    other.force_login(alice)
    mine, others = mint(pages, alice), mint(other, alice)
    other.post("/logout")
    assert selectors.find_family(access_token=mine).user == alice
    assert refusal(others) == "token_revoked"


@pytest.mark.django_db(transaction=True)
def test_signing_out_ends_the_family_and_says_so(pages: Client, alice: User) -> None:
    token = mint(pages, alice)
    with durable().pubsub() as news:
        news.subscribe("rallypoint:sign-ins")
        assert news.get_message(timeout=5)
        pages.post("/logout")
        heard = news.get_message(timeout=5)
    assert heard["data"] == str(alice.pk).encode()
    assert refusal(token) == "token_revoked"
    assert TokenFamily.objects.get().revoked_reason == "signed_out"


@pytest.mark.django_db
def test_a_session_survives_signing_out_everywhere(pages: Client, alice: User) -> None:
    before = mint(pages, alice)
    services.sign_out_everywhere(user=alice)
    after = mint(pages, alice)
    assert refusal(before) == "token_revoked"
    assert selectors.find_family(access_token=after).user == alice
    pages.post("/logout")
    assert refusal(after) == "token_revoked"


@pytest.mark.django_db
def test_nobody_gets_a_token_of_a_session_that_signs_out_at_this_moment(
    pages: Client, alice: User
) -> None:
    mint(pages, alice)
    late = session_of(pages)
    assert late[SIGNED_IN]  # read before the sign-out, as a request beside it would
    request = HttpRequest()
    request.session = session_of(pages)
    browser.sign_out_with_session(request=request)
    with pytest.raises(AuthenticationFailed, match="ended"):
        browser.mint_for_session(session=late, user=alice)
    pages.post("/logout")
    with pytest.raises(AuthenticationFailed, match="ended"):
        browser.mint_for_session(session=late, user=alice)


@pytest.mark.django_db(transaction=True)
def test_pages_that_open_at_one_moment_share_a_family(pages: Client, alice: User) -> None:
    with together(6) as run:
        tokens = run(lambda _: mint(pages, alice))
    assert TokenFamily.objects.count() == 1
    pages.post("/logout")
    assert {refusal(token) for token in tokens} == {"token_revoked"}
