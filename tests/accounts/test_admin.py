"""The operators' pages about people, sign-ins and keys."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from rest_framework.exceptions import AuthenticationFailed

from accounts import selectors, services
from accounts.models import ApiKey, TokenFamily, User, Wallet
from tests.accounts.siwe import ALICES

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def pages(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


@pytest.mark.parametrize("model", ["user", "apikey", "tokenfamily", "wallet"])
def test_every_list_and_row_opens_and_is_searched(pages: Client, alice: User, model: str) -> None:
    services.issue_tokens(user=alice)
    services.create_api_key(user=alice, name="Website", scopes=["links:read"])
    wallet = Wallet.objects.create(user=alice, address=ALICES.address.lower())
    row = {"user": alice, "apikey": ApiKey.objects.get(), "wallet": wallet}
    row["tokenfamily"] = TokenFamily.objects.get()
    base = f"/admin/accounts/{model}/"
    assert pages.get(base).status_code == 200
    assert "alice" in pages.get(base, {"q": "alice"}).content.decode()
    assert pages.get(f"{base}{row[model].pk}/change/").status_code == 200


def test_a_wallet_is_found_by_its_address_and_changed_by_nobody(
    pages: Client, alice: User, bob: User
) -> None:
    wallet = Wallet.objects.create(user=alice, address=ALICES.address.lower())
    base = "/admin/accounts/wallet/"
    found = pages.get(base, {"q": ALICES.address})
    assert found.context["cl"].result_count == 1
    assert ALICES.address in found.content.decode()
    assert (
        ALICES.address.lower()
        in pages.get(f"/admin/accounts/user/{alice.pk}/change/").content.decode()
    )
    for page in ("add/", f"{wallet.pk}/delete/"):
        assert pages.post(base + page, {"user": bob.pk}).status_code == 403
    assert pages.post(f"{base}{wallet.pk}/change/", {"user": bob.pk}).status_code == 403
    assert pages.get("/admin/accounts/loginnonce/").status_code == 404
    assert Wallet.objects.get().user == alice


@pytest.mark.parametrize("model", ["apikey", "tokenfamily"])
def test_lists_can_be_narrowed_to_what_is_revoked(pages: Client, alice: User, model: str) -> None:
    services.issue_tokens(user=alice)
    services.create_api_key(user=alice, name="Website", scopes=["links:read"])
    base = f"/admin/accounts/{model}/"
    assert pages.get(base, {"revoked": "no"}).context["cl"].result_count == 1
    assert pages.get(base, {"revoked": "yes"}).context["cl"].result_count == 0


def test_a_new_key_is_shown_once(pages: Client, alice: User, root: User) -> None:
    form = {"user": alice.pk, "name": "Shop", "scopes": ["evidence:write"]}
    answer = pages.post("/admin/accounts/apikey/add/", form, follow=True)
    found = re.search(r"rp_[a-z0-9]{12}_[A-Za-z0-9]{43}", answer.content.decode())
    assert found
    key = selectors.find_api_key(text=found[0])
    assert (key.user, key.name, key.scopes) == (alice, "Shop", ["evidence:write"])
    detail = pages.get(f"/admin/accounts/apikey/{key.pk}/change/").content.decode()
    assert found[0] not in detail
    assert key.secret_hash not in detail
    assert found[0] not in str(LogEntry.objects.values_list())


@pytest.mark.parametrize(
    "wrong", [{"scopes": []}, {"name": ""}, {"expires_at_0": "2001-01-01", "expires_at_1": "0:00"}]
)
def test_a_wrong_form_makes_no_key(pages: Client, alice: User, wrong: dict[str, object]) -> None:
    form = {"user": alice.pk, "name": "Shop", "scopes": ["links:read"], **wrong}
    assert pages.post("/admin/accounts/apikey/add/", form).status_code == 200
    assert not ApiKey.objects.exists()


def act(pages: Client, model: str, action: str, pk: object) -> str:
    form = {"action": action, "_selected_action": [str(pk)]}
    return pages.post(f"/admin/accounts/{model}/", form, follow=True).content.decode()


def test_an_operator_ends_a_sign_in(pages: Client, alice: User) -> None:
    token = services.issue_tokens(user=alice).access
    assert "1 sign-ins ended." in act(pages, "tokenfamily", "revoke", TokenFamily.objects.get().pk)
    with pytest.raises(AuthenticationFailed):
        selectors.find_family(access_token=token)
    assert TokenFamily.objects.get().revoked_reason == TokenFamily.Reason.OPERATOR


def test_an_operator_revokes_a_key(pages: Client, alice: User) -> None:
    key, text = services.create_api_key(user=alice, name="Website", scopes=["links:read"])
    assert "1 keys revoked." in act(pages, "apikey", "revoke", key.pk)
    with pytest.raises(AuthenticationFailed):
        selectors.find_api_key(text=text)


def test_an_operator_signs_somebody_out_everywhere(pages: Client, alice: User) -> None:
    services.issue_tokens(user=alice)
    services.issue_tokens(user=alice)
    assert "2 sign-ins ended." in act(pages, "user", "sign_out_everywhere", alice.pk)


def test_who_may_edit_users_cannot_promote_herself_or_touch_a_superuser(
    client: Client, operator: User, root: User
) -> None:
    operator.user_permissions.set(
        Permission.objects.filter(codename__in=["change_user", "view_user"])
    )
    client.force_login(operator)
    form = {"username": operator.username, "is_active": "on", "is_superuser": "on"}
    answer = client.post(f"/admin/accounts/user/{operator.pk}/change/", form)
    assert answer.status_code == 302
    operator.refresh_from_db()
    assert not operator.is_superuser
    assert operator.is_staff
    new = {"password1": "taken over 1", "password2": "taken over 1"}
    assert client.post(f"/admin/accounts/user/{root.pk}/password/", new).status_code == 403


def test_an_operators_change_makes_what_she_read_before_stale(pages: Client, alice: User) -> None:
    form = {"username": "ada", "is_active": "on"}
    inline = {"wallets-TOTAL_FORMS": "0", "wallets-INITIAL_FORMS": "0"}
    answer = pages.post(f"/admin/accounts/user/{alice.pk}/change/", {**form, **inline})
    assert answer.status_code == 302
    alice.refresh_from_db()
    assert (alice.username, alice.version) == ("ada", 2)


def test_two_spellings_of_a_name_are_a_mistake_in_the_form(
    pages: Client, alice: User, bob: User
) -> None:
    form = {"username": "ALICE", "is_active": "on"}
    answer = pages.post(f"/admin/accounts/user/{bob.pk}/change/", form)
    assert "A user with that username already exists." in answer.content.decode()


def test_only_who_may_change_keys_may_revoke_them(
    client: Client, operator: User, alice: User
) -> None:
    key, _ = services.create_api_key(user=alice, name="Website", scopes=["links:read"])
    operator.user_permissions.set(Permission.objects.filter(codename="view_apikey"))
    client.force_login(operator)
    act(client, "apikey", "revoke", key.pk)
    assert ApiKey.objects.get().revoked_at is None
