"""What a caller may do: people, keys and operators at doors that name a scope."""

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import services
from accounts.models import User
from accounts.permissions import requires

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.doors")]
Bearer = Callable[[str], APIClient]


def key_of(user: User, *scopes: str) -> APIClient:
    _, text = services.create_api_key(user=user, name="k", scopes=scopes)
    return APIClient(headers={"X-API-Key": text})


def signed_in(user: User) -> APIClient:
    token = services.issue_tokens(user=user).access
    return APIClient(headers={"Authorization": f"Bearer {token}"})


def test_a_key_opens_what_its_scopes_name(alice: User) -> None:
    reader = key_of(alice, "links:read")
    assert reader.get("/api/links-door").status_code == 200
    assert key_of(alice, "links:write").post("/api/links-door").status_code == 200


def test_a_missing_scope_is_named(alice: User) -> None:
    answer = key_of(alice, "links:read", "rooms:write").post("/api/links-door")
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "missing_scope"
    assert answer.json()["detail"] == "This needs the scope links:write."


def test_a_stranger_is_asked_to_sign_in() -> None:
    assert APIClient().get("/api/links-door").status_code == 401


def test_a_person_needs_no_list_of_scopes(alice: User) -> None:
    assert signed_in(alice).post("/api/links-door").status_code == 200
    browser = Client()
    browser.force_login(alice)
    assert browser.get("/api/links-door").status_code == 200


def test_a_browser_session_must_show_that_it_means_it(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert browser.post("/api/links-door").status_code == 403


def test_a_player_cannot_assert_evidence_but_an_operator_and_a_trusted_key_can(
    alice: User, operator: User
) -> None:
    assert signed_in(alice).get("/api/evidence-door").json()["code"] == "missing_scope"
    assert signed_in(operator).get("/api/evidence-door").status_code == 200
    assert key_of(alice, "evidence:write").get("/api/evidence-door").status_code == 200


def test_only_an_operator_in_person_passes_the_operators_door(alice: User, operator: User) -> None:
    assert signed_in(operator).get("/api/operator-door").status_code == 200
    assert signed_in(alice).get("/api/operator-door").json()["code"] == "operator_required"
    every_scope = key_of(operator, "evidence:write", "links:write")
    assert every_scope.get("/api/operator-door").status_code == 403


def test_a_misspelled_scope_is_found_while_importing_the_view() -> None:
    with pytest.raises(ValueError, match="links:raed"):
        requires("links:raed")
