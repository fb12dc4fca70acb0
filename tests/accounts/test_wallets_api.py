"""/api/auth/wallets: linking, unlinking, and the one that others see."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts import selectors, services, wallets
from accounts.models import ApiKey, User, Wallet
from tests.accounts.conftest import PASSWORD
from tests.accounts.siwe import ALICES, BOBS, CHARLIES, TestWallet, ask, compose, prove, send
from tests.stack import wait_until

pytestmark = pytest.mark.django_db
WALLETS = "/api/auth/wallets"


def signed_in(user: User) -> APIClient:
    token = services.issue_tokens(user=user).access
    return APIClient(headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def hers(alice: User) -> APIClient:
    return signed_in(alice)


def give(user: User, wallet: TestWallet, *, primary: bool = False) -> Wallet:
    return Wallet.objects.create(user=user, address=wallet.address.lower(), is_primary=primary)


def shown(client: APIClient) -> list[tuple[str, bool]]:
    results = client.get(WALLETS).json()["results"]
    return [(wallet["address"], wallet["isPrimary"]) for wallet in results]


def refused(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


# --- Linking --------------------------------------------------------------------------------------
def test_a_wallet_that_is_linked_signs_her_in(alice: User, hers: APIClient) -> None:
    answer = prove(hers, ALICES, "wallets")
    assert answer.status_code == 201
    assert answer.json() == {
        "address": ALICES.address,
        "isPrimary": True,
        "linkedAt": answer.json()["linkedAt"],
    }
    user = prove(APIClient(), ALICES).json()["user"]
    assert (user["id"], user["username"]) == (str(alice.public_id), "alice")


def test_the_first_one_is_what_others_see_until_she_says_otherwise(hers: APIClient) -> None:
    for wallet in (ALICES, BOBS):
        prove(hers, wallet, "wallets")
    assert shown(hers) == [(ALICES.address, True), (BOBS.address, False)]
    assert hers.get("/api/auth/me").json()["user"]["walletAddress"] == ALICES.address
    answer = hers.put(f"{WALLETS}/{BOBS.address}/primary")
    assert (answer.status_code, answer.json()["isPrimary"]) == (200, True)
    assert shown(hers) == [(ALICES.address, False), (BOBS.address, True)]
    assert hers.get("/api/auth/me").json()["user"]["walletAddress"] == BOBS.address
    assert hers.put(f"{WALLETS}/{BOBS.address.lower()}/primary").status_code == 200


def test_one_that_is_hers_already_is_no_error(hers: APIClient) -> None:
    assert prove(hers, ALICES, "wallets").status_code == 201
    assert prove(hers, ALICES, "wallets").status_code == 200
    assert Wallet.objects.count() == 1


def test_one_of_somebody_else_stays_his(bob: User, hers: APIClient) -> None:
    give(bob, BOBS)
    assert refused(prove(hers, BOBS, "wallets")) == (409, "wallet_taken")
    assert Wallet.objects.get().user == bob


def test_the_eleventh_is_refused(alice: User, hers: APIClient) -> None:
    for number in range(10):
        give(alice, TestWallet(bytes([number + 10]) * 32))
    assert refused(prove(hers, ALICES, "wallets")) == (409, "too_many_wallets")


def test_a_proof_is_judged_as_at_a_sign_in(hers: APIClient) -> None:
    message = compose(ask(hers), ALICES.address)
    assert refused(send(hers, message, BOBS.sign(message), "wallets")) == (
        401, "signature_mismatch",
    )  # fmt: skip
    again = send(hers, message, ALICES.sign(message), "wallets")
    assert refused(again) == (401, "nonce_used")


def test_an_idempotency_key_does_not_give_a_nonce_back(hers: APIClient) -> None:
    message = compose(ask(hers), ALICES.address)
    body = {"message": message, "signature": BOBS.sign(message)}
    for code in ("signature_mismatch", "nonce_used"):
        answer = hers.post(WALLETS, body, headers={"Idempotency-Key": "one"})
        assert refused(answer) == (401, code)


def test_a_message_from_another_browser_links_nothing(hers: APIClient, bob: User) -> None:
    message = compose(ask(hers), ALICES.address)
    answer = send(signed_in(bob), message, ALICES.sign(message), "wallets")
    assert refused(answer) == (401, "nonce_browser_mismatch")


# --- Unlinking ------------------------------------------------------------------------------------
def test_when_the_primary_one_goes_the_oldest_takes_its_place(hers: APIClient) -> None:
    for wallet in (ALICES, BOBS, CHARLIES):
        prove(hers, wallet, "wallets")
    assert hers.delete(f"{WALLETS}/{ALICES.address}").status_code == 204
    assert shown(hers) == [(BOBS.address, True), (CHARLIES.address, False)]
    assert hers.delete(f"{WALLETS}/{CHARLIES.address.lower()}").status_code == 204
    assert shown(hers) == [(BOBS.address, True)]


def test_nobody_locks_herself_out(alice: User, hers: APIClient) -> None:
    alice.set_unusable_password()
    alice.save()
    hers = signed_in(alice)
    prove(hers, ALICES, "wallets")
    path = f"{WALLETS}/{ALICES.address}"
    assert refused(hers.delete(path)) == (409, "last_wallet")
    alice.set_password(PASSWORD)
    alice.save()
    assert signed_in(alice).delete(path).status_code == 204
    assert not Wallet.objects.exists()


def test_what_is_unlinked_signs_in_somebody_new(alice: User, hers: APIClient) -> None:
    for wallet in (ALICES, BOBS):
        prove(hers, wallet, "wallets")
    hers.delete(f"{WALLETS}/{BOBS.address}")
    assert prove(APIClient(), BOBS).json()["user"]["id"] != str(alice.public_id)


@pytest.mark.django_db(transaction=True)
def test_of_two_last_wallets_unlinked_at_once_one_stays(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    give(alice, ALICES, primary=True)
    give(alice, BOBS)

    def unlink(wallet: TestWallet) -> None:
        try:
            wallets.unlink(user=alice, address=wallet.address.lower())
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=alice.pk)
            done = [pool.submit(unlink, wallet) for wallet in (ALICES, BOBS)]
            wait_until(lambda: _waiting() >= 2)  # neither looks before it is its turn
        errors = [future.exception() for future in done]
    assert sorted(getattr(error, "code", "") for error in errors) == ["", "last_wallet"]
    assert Wallet.objects.get().is_primary


def _waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


# --- Whose they are -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        (BOBS.address, 404, "not_found"),
        (CHARLIES.address, 404, "not_found"),
        ("alice.eth", 400, "wallet_invalid"),
        (ALICES.address.swapcase().replace("X", "x"), 400, "wallet_checksum"),
    ],
)
def test_only_hers_can_be_touched(
    hers: APIClient, bob: User, address: str, status: int, code: str
) -> None:
    give(bob, BOBS)
    assert refused(hers.delete(f"{WALLETS}/{address}")) == (status, code)
    assert refused(hers.put(f"{WALLETS}/{address}/primary")) == (status, code)
    assert shown(hers) == []


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_person_is_needed(
    method: str, key: tuple[ApiKey, str], bearer: Callable[[str], APIClient]
) -> None:
    assert refused(getattr(APIClient(), method)(WALLETS)) == (401, "not_authenticated")
    assert refused(getattr(bearer(key[1]), method)(WALLETS)) == (403, "person_required")


def test_a_list_costs_one_query_beside_the_sign_in_however_long_it_is(
    alice: User, hers: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for wallet in (ALICES, BOBS, CHARLIES):
        give(alice, wallet)
    with django_assert_num_queries(1):
        assert len(shown(hers)) == 3


# --- What the other apps ask ----------------------------------------------------------------------
def test_a_wallet_leads_to_its_person(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    give(alice, ALICES)
    with django_assert_num_queries(1):
        found = selectors.find_wallet(ALICES.address.lower())
        assert found
        assert found.user == alice
    assert selectors.find_wallet(BOBS.address.lower()) is None


def test_people_have_the_address_that_they_chose(
    alice: User, bob: User, charlie: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    give(alice, ALICES, primary=True)
    give(alice, CHARLIES)
    give(bob, BOBS, primary=True)
    with django_assert_num_queries(1):
        found = selectors.primary_addresses([alice.pk, bob.pk, charlie.pk])
    assert found == {alice.pk: ALICES.address, bob.pk: BOBS.address}


# --- The database ---------------------------------------------------------------------------------
def test_nobody_has_two_primary_wallets(alice: User) -> None:
    give(alice, ALICES, primary=True)
    with pytest.raises(IntegrityError, match="accounts_wallet_one_primary"):
        give(alice, BOBS, primary=True)


@pytest.mark.parametrize("address", [ALICES.address, "0x12", "", f"{ALICES.address.lower()[:-1]}g"])
def test_an_address_is_kept_in_one_form(alice: User, address: str) -> None:
    with pytest.raises(IntegrityError, match="accounts_wallet_address_in_lower_case"):
        Wallet.objects.create(user=alice, address=address)


def test_a_wallet_has_one_person(alice: User, bob: User) -> None:
    give(alice, ALICES)
    with pytest.raises(IntegrityError, match="address"):
        give(bob, ALICES)
