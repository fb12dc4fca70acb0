"""POST /api/auth/token and the lock on it."""

from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher, low_level
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db.models import F
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import TokenFamily, User
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _alice_has_a_password(alice: User) -> None:
    alice.set_password(PASSWORD)
    alice.save()


def sign_in(username: str = "alice", password: str = PASSWORD, **extra: Any) -> Any:
    credentials = {"username": username, "password": password}
    return APIClient().post("/api/auth/token", credentials, **extra)


def fail(times: int, **how: Any) -> list[int]:
    return [sign_in(password="wrong", **how).status_code for _ in range(times)]


def test_name_and_password_give_tokens_that_work(
    alice: User, bearer: Callable[[str], APIClient]
) -> None:
    answer = sign_in()
    assert answer.status_code == 200
    assert answer.json().keys() == {"token", "refreshToken"}
    assert answer["Cache-Control"] == "no-store"
    me = bearer(answer.json()["token"]).get("/api/auth/me")
    assert me.json()["user"]["id"] == str(alice.public_id)
    assert User.objects.get(pk=alice.pk).last_login is not None


@pytest.mark.parametrize("spelling", ["ALICE", "\uff21lice"])  # the second begins full-width
def test_the_name_may_be_spelled_in_any_case_and_form(spelling: str) -> None:
    assert sign_in(spelling).status_code == 200


@pytest.mark.parametrize("pattern", ["%", "alic_", "ali"])
def test_a_part_of_the_name_is_not_the_name(pattern: str) -> None:
    assert sign_in(pattern).status_code == 401


def test_an_api_sign_in_leaves_no_browser_session() -> None:
    assert not sign_in().cookies
    assert not Session.objects.exists()


@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_a_wrong_password_and_an_unknown_name_are_the_same_answer(username: str) -> None:
    answer = sign_in(username, "wrong")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "credentials_invalid"
    assert answer.json()["detail"] == "Wrong username or password."


@pytest.mark.parametrize("username", ["alice", "nobody", "bob"])
def test_a_refusal_costs_one_password_hash_whoever_was_named(
    username: str, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob has no password at all. Equal work is what can be asserted; equal time follows."""
    bob.set_unusable_password()
    bob.save()
    work: list[str] = []
    hash_secret, verify = low_level.hash_secret, PasswordHasher.verify
    monkeypatch.setattr(
        low_level, "hash_secret", lambda *a, **k: work.append("hash") or hash_secret(*a, **k)
    )
    monkeypatch.setattr(
        PasswordHasher, "verify", lambda *a, **k: work.append("verify") or verify(*a, **k)
    )
    assert sign_in(username, "wrong").status_code == 401
    assert len(work) == 1


def test_somebody_who_was_deactivated_cannot_sign_in(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert sign_in().json()["code"] == "credentials_invalid"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b'{"username": "alice"}',
        b'{"username": "", "password": ""}',
        b'{"username": "a\\u0000", "password": "x"}',
        b'{"username": "alice", "password": "x\\u0000"}',
        b'{"username": "\\ud800", "password": "x"}',
        b'{"username": "alice", "password": "\\udfff"}',
        b'{"username": ["alice"], "password": {"a": 1}}',
        b'{"username": "%s", "password": "x"}' % (b"a" * 151),
        b'{"username": "alice", "password": "%s"}' % (b"x" * 1025),
    ],
)
def test_nonsense_is_a_problem_of_the_caller(body: bytes) -> None:
    answer = APIClient().generic("POST", "/api/auth/token", body, "application/json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_a_name_that_grows_when_it_is_normalized_is_merely_wrong() -> None:
    """One character that NFKC makes eighteen: longer than the column that counts tries."""
    assert sign_in("\ufdfa" * 150, "x").status_code == 401


def test_the_fifth_wrong_password_locks_the_name_for_that_address() -> None:
    assert fail(5) == [401, 401, 401, 401, 429]
    locked = sign_in()
    assert locked.status_code == 429
    assert locked.json()["code"] == "too_many_attempts"
    assert locked["Content-Type"] == "application/problem+json"
    assert 0 < int(locked["Retry-After"]) <= 15 * 60
    assert not TokenFamily.objects.exists()


def test_another_spelling_of_the_name_is_no_way_around_the_lock() -> None:
    fail(3)
    assert fail(2, username="ALICE") == [401, 429]
    assert fail(1, username="\uff21lice") == [429]  # full-width A


def test_another_browser_is_no_way_around_the_lock() -> None:
    fail(4, headers={"User-Agent": "one"})
    assert fail(1, headers={"User-Agent": "two"}) == [429]


def test_neither_another_name_nor_another_address_is_locked(bob: User) -> None:
    bob.set_password(PASSWORD)
    bob.save()
    fail(5)
    assert sign_in("bob").status_code == 200
    assert sign_in(REMOTE_ADDR="203.0.113.9").status_code == 200


def test_success_forgets_earlier_failures() -> None:
    fail(4)
    sign_in()
    assert fail(4) == [401] * 4


def test_trying_while_locked_does_not_prolong_the_lock(settings: Any) -> None:
    fail(5)
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - settings.AXES_COOLOFF_TIME / 2)
    assert int(sign_in()["Retry-After"]) <= 7.5 * 60
    assert int(sign_in()["Retry-After"]) <= 7.5 * 60


def test_the_lock_ends(settings: Any) -> None:
    fail(5)
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - settings.AXES_COOLOFF_TIME)
    assert sign_in().status_code == 200


def test_behind_a_unix_socket_without_an_address_the_name_is_locked_all_the_same() -> None:
    assert sign_in(REMOTE_ADDR="").status_code == 200
    assert fail(5, REMOTE_ADDR="") == [401, 401, 401, 401, 429]


def test_signing_in_takes_few_queries(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(9):
        assert sign_in().status_code == 200
