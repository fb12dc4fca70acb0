"""/api/auth/keys."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts import services
from accounts.models import ApiKey, User
from accounts.tokens import TokenPair

pytestmark = pytest.mark.django_db
KEYS = "/api/auth/keys"
WANTED = {"name": "Website", "scopes": ["links:write", "links:read"]}


@pytest.fixture
def hers(tokens: TokenPair, bearer: Callable[[str], APIClient]) -> APIClient:
    return bearer(tokens.access)


def test_the_secret_is_shown_once_and_works(alice: User, hers: APIClient) -> None:
    made = hers.post(KEYS, WANTED)
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    body = made.json()
    text = body.pop("key")
    assert text.startswith(f"rp_{body['prefix']}_")
    assert body["scopes"] == ["links:read", "links:write"]
    assert hers.get(KEYS).json() == {"next": None, "previous": None, "results": [body]}
    assert ApiKey.objects.get().user == alice
    # A key is no person: it cannot make itself a stronger one.
    by_key = APIClient(headers={"X-API-Key": text}).post(KEYS, WANTED)
    assert (by_key.status_code, by_key.json()["code"]) == (403, "person_required")


def test_a_key_may_expire(hers: APIClient) -> None:
    at = (timezone.now() + timedelta(days=1)).replace(microsecond=678_000)
    made = hers.post(KEYS, {**WANTED, "expiresAt": at.isoformat()}).json()
    assert made["expiresAt"].endswith(".678Z")
    assert ApiKey.objects.get().expires_at == at


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": None}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["links:fly"]}, "scopes.0"),
        ({"scopes": "links:read"}, "scopes"),
        ({"scopes": [["links:read"]]}, "scopes.0"),
        ({"scopes": ["evidence:write"]}, "scopes"),
        ({"expiresAt": "2001-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "tomorrow"}, "expiresAt"),
        ({"expiresAt": 9}, "expiresAt"),
    ],
)
def test_what_is_wrong_is_named(hers: APIClient, wrong: dict[str, Any], field: str) -> None:
    answer = hers.post(KEYS, {**WANTED, **wrong})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not ApiKey.objects.exists()


def test_an_operator_may_grant_what_a_player_may_not(
    operator: User, bearer: Callable[[str], APIClient]
) -> None:
    client = bearer(services.issue_tokens(user=operator).access)
    assert client.post(KEYS, {"name": "Shop", "scopes": ["evidence:write"]}).status_code == 201


def test_repeating_the_request_makes_no_second_key_and_keeps_no_secret(hers: APIClient) -> None:
    again = {"Idempotency-Key": "website-1"}
    assert hers.post(KEYS, WANTED, headers=again).status_code == 201
    repeated = hers.post(KEYS, WANTED, headers=again)
    assert repeated.status_code == 409
    assert "key" not in repeated.json()
    assert ApiKey.objects.count() == 1


def test_a_list_costs_one_query_beside_the_sign_in_however_long_it_is(
    alice: User, hers: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        services.create_api_key(user=alice, name=f"k{number}", scopes=["links:read"])
    with django_assert_num_queries(1):
        keys = hers.get(KEYS).json()["results"]
    assert [key["name"] for key in keys] == ["k2", "k1", "k0"]


def test_the_list_goes_on_where_a_page_ended(alice: User, hers: APIClient) -> None:
    for number in range(3):
        services.create_api_key(user=alice, name=f"k{number}", scopes=["links:read"])
    page = hers.get(KEYS, {"limit": 2}).json()
    assert [key["name"] for key in hers.get(page["next"]).json()["results"]] == ["k0"]


def test_an_unknown_parameter_is_refused(hers: APIClient) -> None:
    assert hers.get(KEYS, {"sort": "name"}).status_code == 400


def test_nobody_sees_the_keys_of_others(bob: User, hers: APIClient) -> None:
    services.create_api_key(user=bob, name="his", scopes=["links:read"])
    assert hers.get(KEYS).json()["results"] == []


def test_a_revoked_key_is_gone_from_the_list_but_not_from_the_record(
    alice: User, hers: APIClient, key: tuple[ApiKey, str]
) -> None:
    path = f"{KEYS}/{key[0].public_id}"
    assert hers.delete(path).status_code == 204
    assert hers.get(KEYS).json()["results"] == []
    assert hers.delete(path).status_code == 404
    assert ApiKey.objects.get().revoked_at is not None


def test_the_key_of_somebody_else_is_not_there(
    bob: User, key: tuple[ApiKey, str], bearer: Callable[[str], APIClient]
) -> None:
    client = bearer(services.issue_tokens(user=bob).access)
    for public_id in (key[0].public_id, uuid4(), "1", key[0].pk):
        assert client.delete(f"{KEYS}/{public_id}").status_code == 404
    assert ApiKey.objects.get().revoked_at is None
