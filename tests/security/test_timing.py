"""How long a refusal takes says nothing about the secret. Time itself is no good witness on a
busy machine: what is counted is the work, and what is read is the comparison."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher, low_level
from django.test import Client
from rest_framework.test import APIClient

from accounts import keys, nonces, selectors, services
from accounts.models import ApiKey, User
from links import visits
from links.redirect.passwords import PasswordDoor
from links.services import create_link
from monitoring.health import scraping
from quests.requirements.secret_code import SecretCode
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db

COMPARING: list[Callable[..., Any]] = [
    keys.matches,
    nonces.consume,
    selectors.refuse_dead,
    visits._is_ours,
    scraping.may_scrape,
    SecretCode.submit,
    PasswordDoor._verify,
]
IN_CONSTANT_TIME = {"constant_time_compare", "compare_digest", "verify"}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each password that is hashed, whatever for."""
    done: list[str] = []
    hash_secret, verify = low_level.hash_secret, PasswordHasher.verify
    monkeypatch.setattr(
        low_level, "hash_secret", lambda *a, **k: done.append("hash") or hash_secret(*a, **k)
    )
    monkeypatch.setattr(
        PasswordHasher, "verify", lambda *a, **k: done.append("verify") or verify(*a, **k)
    )
    return done


@pytest.fixture
def people(alice: User, bob: User, charlie: User, operator: User) -> None:
    """Charlie has a wallet alone, Bob was sent away."""
    for user in (alice, bob, operator):
        user.set_password(PASSWORD)
    charlie.set_unusable_password()
    bob.is_active = False
    for user in (alice, bob, charlie, operator):
        user.save()


def through_api(username: str) -> int:
    body = {"username": username, "password": "wrong"}
    return APIClient().post("/api/auth/token", body).status_code


def through_page(username: str) -> int:
    return Client().post("/login", {"username": username, "password": "wrong"}).status_code


def through_admin(username: str) -> int:
    return Client().post("/admin/login/", {"username": username, "password": "wrong"}).status_code


@pytest.mark.parametrize(
    "username", ["alice", "ALICE", "bob", "charlie", "operator", "nobody", "x" * 150]
)
@pytest.mark.parametrize("door", [through_api, through_page, through_admin])
def test_a_refused_sign_in_costs_one_hash_whoever_is_named(
    people: None, work: list[str], door: Callable[[str], int], username: str
) -> None:
    assert door(username) in {200, 401}
    assert len(work) == 1


def test_a_name_that_is_locked_costs_none(people: None, work: list[str]) -> None:
    """Or whoever is locked out could keep every core busy."""
    for username in ("alice", "nobody"):
        answers = [through_api(username) for _ in range(5)]
        assert answers == [401, 401, 401, 401, 429]
        work.clear()
        assert (through_api(username), work) == (429, [])


# --- API keys -------------------------------------------------------------------------------------
def test_a_key_that_is_wrong_costs_the_same_wherever_it_is_wrong(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, text = services.create_api_key(user=alice, name="x", scopes=["links:read"])
    ended, ended_text = services.create_api_key(user=alice, name="y", scopes=["links:read"])
    services.revoke_api_key(key=ended)
    digests, compared = (
        _counted(monkeypatch, "_digest"),
        _counted(monkeypatch, "constant_time_compare"),
    )
    costs = {}
    for name, given in {
        "unknown": f"rp_{'a' * 12}_{'b' * 43}",
        "first letter": _changed(text, len(f"rp_{key.prefix}_")),
        "last letter": _changed(text, len(text) - 1),
        "revoked": ended_text,
        "right": text,
    }.items():
        digests.clear()
        compared.clear()
        APIClient(headers={"Authorization": f"Bearer {given}"}).get("/api/links")
        costs[name] = (len(digests), len(compared))
    assert set(costs.values()) == {(1, 1)}, costs
    assert ApiKey.objects.count() == 2


def _counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    done: list[str] = []
    real = getattr(keys, name)
    monkeypatch.setattr(keys, name, lambda *a, **k: done.append(name) or real(*a, **k))
    return done


def _changed(text: str, at: int) -> str:
    return text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]


# --- Passwords of links ---------------------------------------------------------------------------
@pytest.mark.parametrize("given", ["", "x", "sesam", "sesame", "sesame" * 200])
def test_a_links_password_costs_one_hash_right_or_wrong(
    alice: User, work: list[str], given: str
) -> None:
    link = create_link(owner=alice, url="https://example.com/", password="sesame")
    work.clear()
    rate: Any = SimpleNamespace()
    assert PasswordDoor(rate)._verify(link.password_hash, given) is (given == "sesame")
    assert len(work) == 1


# --- Comparisons, read ----------------------------------------------------------------------------
@pytest.mark.parametrize("compares", COMPARING, ids=lambda function: function.__qualname__)
def test_a_secret_is_compared_in_constant_time(compares: Callable[..., Any]) -> None:
    """That nothing else compares one by an operator is a rule: tests/rules (`comparison`)."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(compares))))
    called = {
        getattr(node.func, "attr", getattr(node.func, "id", ""))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert called & IN_CONSTANT_TIME


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Bearer s", "Bearer secreT", "secret", "Bearer \xff"]
)
def test_a_token_of_metrics_that_is_nearly_right_is_wrong(given: str) -> None:
    def may(authorization: bytes) -> bool:
        return scraping.may_scrape(
            authorization=authorization, token="secret", peer="203.0.113.9", is_proxied=True
        )

    assert may(b"Bearer secret")
    assert not may(given.encode("latin-1"))
