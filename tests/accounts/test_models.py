import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, connection
from django.utils import timezone

from accounts.models import ApiKey, TokenFamily, User
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_two_people_cannot_have_one_name_in_two_spellings(alice: User) -> None:
    with pytest.raises(IntegrityError, match="accounts_user_username_any_case"):
        User.objects.create_user(alice.username.upper())


def test_a_name_is_found_in_any_spelling_and_by_an_index(alice: User) -> None:
    assert User.objects.get_by_natural_key("ALICE") == alice
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # a table of one row needs no index
    plan = User.objects.filter(username__iexact="ALICE").explain()
    assert "accounts_user_username_any_case" in plan


def test_it_is_found_so_from_asynchronous_code_too(alice: User) -> None:
    assert async_to_sync(User.objects.aget_by_natural_key)("ALICE") == alice


def test_nobody_is_without_a_name() -> None:
    with pytest.raises(IntegrityError, match="accounts_user_has_username"):
        User.objects.create(username="")


def test_passwords_are_kept_as_argon2id(alice: User) -> None:
    alice.set_password(PASSWORD)
    assert alice.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_revoked_sign_in_says_why(alice: User) -> None:
    with pytest.raises(IntegrityError, match="accounts_tokenfamily_revoked_with_reason"):
        TokenFamily.objects.create(user=alice, expires_at=timezone.now(), revoked_at=timezone.now())


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"name": ""}, "accounts_apikey_has_name"),
        ({"scopes": []}, "accounts_apikey_has_scopes"),
        ({"secret_hash": "rp_abc_secret"}, "accounts_apikey_keeps_a_hash"),
        ({"expires_at": timezone.now()}, "accounts_apikey_expires_after_creation"),
    ],
)
def test_the_database_refuses_a_key_that_makes_no_sense(
    alice: User, wrong: dict[str, object], constraint: str
) -> None:
    right = {"name": "n", "prefix": "p", "scopes": ["links:read"], "secret_hash": "0" * 64}
    with pytest.raises(IntegrityError, match=constraint):
        ApiKey.objects.create(user=alice, **{**right, **wrong})
