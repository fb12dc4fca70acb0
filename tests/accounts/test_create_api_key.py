"""manage.py create_api_key."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from accounts.models import ApiKey, User

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.doors")]


def run(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("create_api_key", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_the_key_stands_alone_on_the_last_line_and_works(alice: User) -> None:
    text = run("alice", "--name", "Till", "--scope", "links:read", "--scope", "links:write")[-1]
    client = APIClient(headers={"X-API-Key": text})
    assert client.get("/api/links-door").status_code == 200
    assert client.post("/api/links-door").status_code == 200
    key = ApiKey.objects.get()
    assert (key.user, key.name, key.expires_at) == (alice, "Till", None)


def test_a_key_may_expire(alice: User) -> None:
    run("alice", "--name", "Till", "--scope", "links:read", "--expires-in-days", "30")
    key = ApiKey.objects.get()
    assert key.expires_at
    assert (key.expires_at - key.created_at).days in {29, 30}


def test_a_user_is_made_when_asked_for() -> None:
    run("shop", "--create-user", "--name", "Till", "--scope", "evidence:write")
    shop = User.objects.get(username="shop")
    assert not shop.has_usable_password()
    assert not shop.is_staff


def test_asking_again_takes_the_same_user() -> None:
    for name in ("shop", "SHOP"):
        run(name, "--create-user", "--name", "Till", "--scope", "links:read")
    assert User.objects.get(username="shop").api_keys.count() == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody", "--name", "n", "--scope", "links:read"], "There is no user 'nobody'"),
        (["alice", "--name", "n", "--scope", "links:fly"], "There is no scope 'links:fly'"),
        (["alice", "--name", "x" * 101, "--scope", "links:read"], "at most 100 characters"),
        (["alice", "--name", "", "--scope", "links:read"], "blank"),
        (["alice", "--name", "n"], "--scope"),
        (["alice", "--scope", "links:read"], "--name"),
        (["new", "--create-user", "--name", "n", "--scope", "links:fly"], "links:fly"),
        (["a b", "--create-user", "--name", "n", "--scope", "links:read"], "valid username"),
        (["alice", "--name", "n", "--scope", "links:read", "--expires-in-days", "0"], "36500"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(
    alice: User, arguments: list[str], sentence: str
) -> None:
    people: Any = set(User.objects.values_list("username", flat=True))
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)
    assert not ApiKey.objects.exists()
    assert set(User.objects.values_list("username", flat=True)) == people
