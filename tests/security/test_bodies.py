"""What a body holds beyond what was asked for, what a request pretends to be, and how it is
written: none of it has an effect."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from monitoring.wire.casing import camel
from tests.security.cast import Tenant, send, undone
from tests.security.conftest import CallerOf
from tests.security.operations import WRITES, Operation, of, operations
from tests.security.rows import changed, digests

pytestmark = pytest.mark.django_db

# What nobody may say of herself or of what she makes; some bodies do have a member of that name.
PRIVILEGED: dict[str, Any] = {
    "id": 1,
    "pk": 1,
    "public_id": "00000000-0000-4000-8000-000000000000",
    "owner": "bob",
    "owner_id": 1,
    "user": "bob",
    "user_id": 1,
    "player": "bob",
    "creator": 1,
    "actor": 1,
    "is_staff": True,
    "is_superuser": True,
    "is_active": False,
    "is_admin": True,
    "groups": [1],
    "permissions": ["all"],
    "role": "owner",
    "scopes": ["evidence:write"],
    "xp": 1_000_000,
    "total_xp": 1_000_000,
    "xp_earned": 1_000_000,
    "level": 99,
    "click_count": 1_000_000,
    "created_at": "2000-01-01T00:00:00Z",
    "deleted_at": None,
    "revoked_at": None,
    "secret": "known",
    "secret_hash": "0" * 64,
    "password_hash": "known",
    "state": "verified",
    "status": "paid",
    "verified": True,
    "blockchain_verified": True,
    "version": 1,
    "tier": "unlimited",
    "__proto__": {"isStaff": True},
}
NAMES = sorted({name for field in PRIVILEGED for name in (field, camel(field))})
# Bodies with a language of their own, whose unknown words have tests of their own.
OWN_LANGUAGE = {
    "POST /api/links/import",  # tests/links/test_transfer_import.py
    "POST /api/quests/{number}/dry-run",  # tests/quests/test_dry_run.py
}
OTHER_TYPES = (
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/xml",
    "application/json-patch+json",
)
# Of an export file whatever type its maker gave it; only a form is refused.
ANY_TYPE = {"POST /api/links/import"}
UNKNOWN_METHODS = ("TRACE", "CONNECT", "PROPFIND", "PURGE", "BREW")


def value_of(name: str) -> Any:
    return next(value for field, value in PRIVILEGED.items() if name in {field, camel(field)})


# --- Members that nobody asked for ----------------------------------------------------------------
def test_every_body_is_strict_or_has_a_language_of_its_own() -> None:
    loose = {str(one) for one in operations() if one.content_types and not one.body}
    assert loose == OWN_LANGUAGE


def test_a_member_that_is_not_declared_is_refused_by_name(
    hers: Tenant, caller_of: CallerOf
) -> None:
    before, wrong = digests(), []
    for operation in filter(_has_body, operations()):
        address, caller = hers.address_of(operation.path), caller_of(operation)
        with undone():
            for names in _portions(sorted(set(NAMES) - operation.fields), 20):
                answer = send(caller, operation.method, address, {n: value_of(n) for n in names})
                refused = {error["field"] for error in answer.json().get("errors", ())}
                if answer.status_code != 400 or refused != set(map(camel, names)):
                    wrong.append((str(operation), answer.status_code, set(names) - refused))
            wrong += [(str(operation), table) for table in changed(before)]
    assert not wrong


def test_a_declared_member_of_such_a_name_is_one_of_these() -> None:
    declared = {
        (str(operation), name)
        for operation in filter(_has_body, operations())
        for name in set(NAMES) & operation.fields
    }
    assert declared == {
        ("POST /api/auth/keys", "scopes"),  # tests/accounts/test_keys_api.py
        ("POST /api/rooms/direct", "userId"),  # test_tenants.py
        ("PUT /api/rooms/{slug}/members/{user_id}", "role"),  # test_tenants.py
        # What is expected to be there, and refused when it is not (412).
        ("PATCH /api/rooms/{slug}", "version"),
        ("POST /api/appeals/{public_id}/decline", "version"),
        ("POST /api/appeals/{public_id}/grant", "version"),
        ("POST /api/reviews/{public_id}/approve", "version"),
        ("POST /api/reviews/{public_id}/reject", "version"),
    }


def test_an_operation_without_a_body_does_the_same_with_one(
    hers: Tenant, caller_of: CallerOf
) -> None:
    """It is refused and nothing is written, or the answer and what is written are the same."""
    wrong = []
    for operation in operations():
        if operation.method in WRITES and not operation.content_types:
            client, address = caller_of(operation), hers.address_of(operation.path)
            plain = _done(client, operation.method, address, "")
            loaded = _done(client, operation.method, address, json.dumps(PRIVILEGED))
            if loaded not in {plain, (400, (), plain[2])}:
                wrong.append((str(operation), plain, loaded))
    assert not wrong


def _done(client: APIClient, method: str, address: str, body: str) -> Any:
    before = digests()
    with undone():
        answer = client.generic(method, address, body, "application/json")
        rights = User.objects.values_list("username", "is_staff", "is_superuser", "is_active")
        return answer.status_code, tuple(changed(before)), tuple(sorted(rights))


def _has_body(operation: Operation) -> bool:
    return bool(operation.body)


def _portions(names: list[str], size: int) -> list[list[str]]:
    return [names[at : at + size] for at in range(0, len(names), size)]


# --- Methods that pretend to be others ------------------------------------------------------------
def test_reading_stays_reading_whatever_it_is_called(hers: Tenant, caller_of: CallerOf) -> None:
    before, wrong = digests(), []
    for operation in operations():
        if operation.method == "GET":
            with undone():
                for method in sorted(WRITES):
                    address = f"{hers.address_of(operation.path)}?_method={method}"
                    caller_of(operation).get(address, headers=_overriding(method))
                wrong += [(str(operation), table) for table in changed(before)]
    assert not wrong


def test_a_method_that_is_not_declared_is_no_method(hers: Tenant, caller_of: CallerOf) -> None:
    before, wrong = digests(), []
    for operation in {one.path: one for one in operations()}.values():
        client, address = caller_of(operation), hers.address_of(operation.path)
        with undone():
            for method in sorted((WRITES | set(UNKNOWN_METHODS)) - of(operation.path)):
                status = _called(client, method, address).status_code
                wrong += [(operation.path, method, status)] if status != 405 else []
            wrong += [(operation.path, table) for table in changed(before)]
    assert not wrong


def test_a_post_is_a_post_whatever_it_is_called(hers: Tenant, caller_of: CallerOf) -> None:
    """`/api/webhooks/…/test` must not delete: it is refused for its body, or does what it does."""
    wrong, before = [], digests()
    for operation in operations():
        if operation.method == "POST" and not operation.content_types:
            client, address = caller_of(operation), hers.address_of(operation.path)
            with undone():
                plain = client.post(address).status_code, changed(before)
            with undone():
                called = _called(client, "POST", address).status_code, changed(before)
            wrong += [(str(operation), called)] if called not in (plain, (400, [])) else []
    assert not wrong


def _called(client: APIClient, method: str, address: str) -> Any:
    """The method, under the name of another one wherever a framework might look for that."""
    body, headers = '{"_method": "DELETE"}', _overriding("DELETE")
    return client.generic(method, address, body, "application/json", headers=headers)


def _overriding(method: str) -> dict[str, str]:
    names = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
    return dict.fromkeys(names, method)


# --- Other ways to write a body -------------------------------------------------------------------
def test_a_content_type_that_is_not_declared_is_415(hers: Tenant, caller_of: CallerOf) -> None:
    before, wrong = digests(), []
    for operation in operations():
        client, address = caller_of(operation), hers.address_of(operation.path)
        with undone():
            for kind in _refused_types(operation):
                status = client.generic(operation.method, address, "name=x", kind).status_code
                wrong += [(str(operation), kind, status)] if status != 415 else []
            wrong += [(str(operation), table) for table in changed(before)]
    assert not wrong


def _refused_types(operation: Operation) -> tuple[str, ...]:
    if str(operation) in ANY_TYPE:
        return tuple(kind for kind in OTHER_TYPES if kind.startswith("multipart/"))
    return OTHER_TYPES if operation.content_types else ()
