"""API keys: how they are made, sent, refused, listed and revoked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts import services
from accounts.models import ApiKey, User

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.doors")]
Bearer = Callable[[str], APIClient]
Key = tuple[ApiKey, str]
DOOR = "/api/links-door"


def refused(answer: Any) -> str:
    assert answer.status_code == 401
    return str(answer.json()["code"])


def update(key: Key, **fields: Any) -> None:
    ApiKey.objects.filter(pk=key[0].pk).update(**fields)


def test_a_key_is_taken_from_either_header(key: Key, bearer: Bearer) -> None:
    assert bearer(key[1]).get(DOOR).status_code == 200
    assert APIClient(headers={"X-API-Key": key[1]}).get(DOOR).status_code == 200


def test_it_costs_one_query_once_it_was_used_in_this_minute(
    key: Key, bearer: Bearer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = bearer(key[1])
    with django_assert_num_queries(2):
        client.get(DOOR)
    with django_assert_num_queries(1):
        client.get(DOOR)


def test_its_last_use_is_known_to_the_minute(key: Key, bearer: Bearer) -> None:
    bearer(key[1]).get(DOOR)
    first = ApiKey.objects.get().last_used_at
    assert first
    bearer(key[1]).get(DOOR)
    assert ApiKey.objects.get().last_used_at == first
    update(key, last_used_at=first - timedelta(minutes=2))
    bearer(key[1]).get(DOOR)
    assert ApiKey.objects.get().last_used_at > first - timedelta(minutes=1)


def test_only_a_keyed_hash_of_it_is_kept(key: Key) -> None:
    secret = key[1].rsplit("_", 1)[1]
    row = ApiKey.objects.values().get()
    assert len(row["secret_hash"]) == 64
    assert not any(secret in str(value) for value in row.values())


@pytest.mark.parametrize(
    "text",
    ["", "rp_", "rp_x_y", "nonsense", "rp_" + "a" * 12 + "_" + "b" * 43, "\xff", "a" * 10_000],
)
def test_nonsense_is_401(text: str) -> None:
    assert refused(APIClient(headers={"X-API-Key": text}).get(DOOR)) == "api_key_invalid"


def test_a_right_prefix_with_a_wrong_secret_learns_nothing(key: Key, bearer: Bearer) -> None:
    update(key, revoked_at=timezone.now())
    wrong = key[1][:-1] + ("a" if key[1][-1] != "a" else "b")
    assert refused(bearer(wrong).get(DOOR)) == "api_key_invalid"


def test_a_revoked_key_is_refused(key: Key, bearer: Bearer) -> None:
    services.revoke_api_key(key=key[0])
    assert refused(bearer(key[1]).get(DOOR)) == "api_key_revoked"


def test_an_expired_key_is_refused(key: Key, bearer: Bearer) -> None:
    now = timezone.now()
    update(key, created_at=now - timedelta(days=2), expires_at=now)
    assert refused(bearer(key[1]).get(DOOR)) == "api_key_expired"


def test_a_key_of_somebody_deactivated_is_refused(key: Key, alice: User, bearer: Bearer) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert refused(bearer(key[1]).get(DOOR)) == "user_inactive"


def test_keys_outlive_a_change_of_the_signing_key_that_keeps_the_old_one(
    key: Key, bearer: Bearer, settings: Any
) -> None:
    settings.SECRET_KEY, old = "another key " * 8, settings.SECRET_KEY
    assert refused(bearer(key[1]).get(DOOR)) == "api_key_invalid"
    settings.SECRET_KEY_FALLBACKS = [old]
    assert bearer(key[1]).get(DOOR).status_code == 200
