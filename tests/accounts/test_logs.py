"""Secrets stay out of the log lines themselves, before anything is redacted."""

import logging
from collections.abc import Callable, Iterator

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.models import ApiKey, User
from accounts.tokens import TokenPair
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    with caplog.at_level(logging.DEBUG):
        yield lambda: caplog.text


def test_a_reused_refresh_token_is_a_warning_without_the_token(
    alice: User, tokens: TokenPair, lines: Callable[[], str]
) -> None:
    for _ in range(2):
        APIClient().post("/api/auth/refresh", {"refreshToken": tokens.refresh})
    assert "refresh_reused" in lines()
    assert str(alice.public_id) in lines()
    assert tokens.refresh not in lines()


def test_no_password_and_no_key_is_logged(
    alice: User, key: tuple[ApiKey, str], lines: Callable[[], str]
) -> None:
    alice.set_password(PASSWORD)
    alice.save()
    for password in (PASSWORD, "wrong " + PASSWORD):
        APIClient().post("/api/auth/token", {"username": "alice", "password": password})
    services.revoke_api_key(key=key[0])
    APIClient(headers={"X-API-Key": key[1]}).get("/api/auth/me")
    assert "auth/me" in lines()
    assert PASSWORD not in lines()
    assert key[1].rsplit("_", 1)[1] not in lines()
