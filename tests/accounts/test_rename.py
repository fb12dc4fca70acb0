"""services.rename: what may be a name, and who was first."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from accounts import services
from accounts.house import house_account
from accounts.models import User, Wallet
from monitoring.wire.problem import Problem
from tests.accounts.siwe import ALICES, BOBS

pytestmark = pytest.mark.django_db


def rename(user: User, username: str, version: int = 1) -> User:
    return services.rename(user=user, username=username, expected_version=version)


def test_a_name_is_changed_and_the_version_moves(alice: User) -> None:
    renamed = rename(alice, "Ada")
    assert (renamed.username, renamed.version) == ("Ada", 2)
    assert rename(renamed, "ada", 2).version == 3


def test_a_stale_version_changes_nothing_and_learns_the_current_one(alice: User) -> None:
    rename(alice, "Ada")
    with pytest.raises(Problem) as refusal:
        rename(alice, "Eve")
    assert (refusal.value.code, refusal.value.status_code) == ("version_stale", 412)
    assert refusal.value.extra == {"version": 2}
    assert User.objects.get().username == "Ada"


@pytest.mark.parametrize("name", ["bob", "BOB", "\uff22ob"])  # the last begins full-width
def test_a_name_of_somebody_else_is_taken_in_any_spelling(
    alice: User, bob: User, name: str
) -> None:
    with pytest.raises(Problem) as refusal:
        rename(alice, name)
    assert (refusal.value.code, refusal.value.status_code) == ("username_taken", 409)
    alice.refresh_from_db()
    assert (alice.username, alice.version) == ("alice", 1)


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "x" * 151, "a\x00", "\ud800", "<b>"])
def test_what_cannot_be_a_name_is_named_as_such(alice: User, name: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        rename(alice, name)
    assert list(refusal.value.message_dict) == ["username"]


@pytest.mark.parametrize(
    "name", [BOBS.address, BOBS.address.lower(), BOBS.address.upper(), "0x" + "0" * 40]
)
def test_nobody_is_called_like_the_wallet_of_another(alice: User, name: str) -> None:
    Wallet.objects.create(user=alice, address=ALICES.address.lower())
    with pytest.raises(ValidationError, match="not yours"):
        rename(alice, name)
    assert rename(alice, ALICES.address).username == ALICES.address


@pytest.mark.parametrize("name", ["rallypoint", "RallyPoint"])
def test_nobody_is_called_like_the_service(alice: User, name: str) -> None:
    with pytest.raises(ValidationError, match="the service itself"):
        rename(alice, name)


def test_who_had_the_name_of_the_service_before_is_not_taken_for_it(alice: User) -> None:
    User.objects.update(username="Rallypoint")
    house = house_account()
    assert house == house_account() != alice
    assert (house.is_active, house.has_usable_password()) == (False, False)


@pytest.mark.django_db(transaction=True)
def test_of_changes_at_once_one_wins(alice: User) -> None:
    def change(number: int) -> str:
        try:
            return rename(alice, f"name{number}").username
        except Problem as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        results = sorted(pool.map(change, range(6)))
    assert results[1:] == ["version_stale"] * 5
    assert results[0] == User.objects.get().username
