"""Who may ask for what, for every operation of the published document."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.scopes import TRUSTED
from tests.security.cast import OPERATORS, Tenant, ask, key_without, undone
from tests.security.conftest import CallerOf
from tests.security.operations import WRITES, operations
from tests.security.routes import patterns
from tests.security.rows import changed, digests

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]

PUBLIC = {
    "POST /api/auth/login", "POST /api/auth/logout", "POST /api/auth/nonce",
    "POST /api/auth/refresh", "POST /api/auth/token",
    "GET /api/achievements", "GET /api/health", "GET /api/health/live", "GET /api/health/metrics",
    "GET /api/health/ready", "GET /api/quests", "GET /api/quests/{number}",
    "GET /api/quests/{number}/content", "GET /api/seasons", "GET /api/seasons/{slug}",
}  # fmt: skip

PERFORMANCE = "GET /api/performance"  # of monitoring, which knows operators and no scopes
_FOR_PEOPLE = {"person_required", "operator_required"}


def code_of(answer: Any) -> tuple[int, str]:
    is_problem = answer.get("Content-Type", "").endswith("problem+json")
    return answer.status_code, answer.json()["code"] if is_problem else ""


def test_the_document_has_every_route_of_the_api() -> None:
    """What is not in it would escape all the tests of this folder."""
    documented = {operation.path for operation in operations()}
    routes = {path for path in patterns() if path.startswith("/api/")}
    assert routes - documented == {"/api/schema/", "/api/docs/", "/api/schema/realtime/"}


def test_what_is_public_is_what_was_meant_to_be() -> None:
    public = {str(one) for one in operations() if one.is_public}
    assert {one for one in public if "/api/public/" not in one} == PUBLIC
    assert not {one for one in public if "/api/public/" in one and not one.startswith("GET ")}


def test_without_credentials_only_public_operations_answer(hers: Tenant, api: Api) -> None:
    wrong = []
    for operation in operations():
        answer = ask(api(), operation, hers.address_of(operation.path), {})
        expected = {200, 204, 400} if operation.is_public else {401}
        if answer.status_code not in expected:
            wrong.append((str(operation), code_of(answer)))
        if not operation.is_public and "WWW-Authenticate" not in answer:
            wrong.append((str(operation), "tells nobody how to sign in"))
    assert not wrong


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer rp_aaaaaaaaaaaa_" + "a" * 43},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."},
        {"Authorization": "Basic YWxpY2U6YWxpY2U="},
        {"X-API-Key": ""},
        {"Cookie": "rallypoint_session=" + "a" * 32},
    ],
)
def test_credentials_that_are_none_open_nothing(hers: Tenant, headers: dict[str, str]) -> None:
    client = APIClient(headers=headers)
    answers = {
        str(operation): code_of(ask(client, operation, hers.address_of(operation.path), {}))
        for operation in operations()
        if not operation.is_public
    }
    assert {status for status, _ in answers.values()} == {401}, answers


def test_the_owner_and_operators_find_everything(hers: Tenant, caller_of: CallerOf) -> None:
    """Without this, a 404 for Bob would prove nothing: the address could be wrong."""
    wrong = []
    for operation in operations():
        answer = ask(caller_of(operation), operation, hers.address_of(operation.path), {})
        if answer.status_code in {401, 403, 404, 405, 415} or answer.status_code >= 500:
            wrong.append((str(operation), code_of(answer)))
    assert not wrong


def test_operators_routes_are_closed_to_everybody_else(hers: Tenant, api: Api) -> None:
    client = api(hers.user)
    refused = {
        str(operation)
        for operation in operations()
        if ask(client, operation, hers.address_of(operation.path), {}).status_code == 403
    }
    assert refused == OPERATORS


def test_what_speaks_for_others_needs_a_scope_that_only_operators_hold() -> None:
    trusted = {str(one) for one in operations() if one.scopes & TRUSTED}
    assert trusted == {
        one for one in OPERATORS if "/api/realtime/" in one or one == "POST /api/evidence"
    }


def test_a_key_without_the_scope_is_refused_even_its_owners(hers: Tenant) -> None:
    closed = [one for one in operations() if not one.is_public and str(one) != PERFORMANCE]
    needed = {frozenset(one.scopes) for one in closed}
    clients = {scopes: key_without(hers.user, set(scopes)) for scopes in needed}
    before, wrong = digests(), []
    for operation in closed:
        expected = {"missing_scope"} if operation.takes_keys else _FOR_PEOPLE
        with undone():
            client, address = clients[frozenset(operation.scopes)], hers.address_of(operation.path)
            status, code = code_of(client.generic(operation.method, address))
            if status != 403 or code not in expected or changed(before):
                wrong.append((str(operation), status, code))
    assert not wrong


def test_a_session_alone_writes_nothing_without_its_form_token(hers: Tenant) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(hers.user)
    written = [one for one in operations() if one.method in WRITES and not one.is_public]
    answers = {
        str(operation): code_of(ask(client, operation, hers.address_of(operation.path), {}))
        for operation in written
    }
    assert set(answers.values()) == {(403, "csrf_failed")}, answers
