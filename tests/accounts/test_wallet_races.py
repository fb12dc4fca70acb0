"""Signing in by wallet, many times at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import User, Wallet
from tests.accounts.siwe import ALICES, ask, compose, send


@pytest.mark.django_db(transaction=True)
def test_two_first_sign_ins_at_once_make_one_account() -> None:
    callers = 6
    together = threading.Barrier(callers)
    browsers = [APIClient() for _ in range(callers)]
    messages = [compose(ask(browser), ALICES.address) for browser in browsers]

    def sign_in(number: int) -> str:
        try:
            connection.ensure_connection()
            together.wait(timeout=20)
            message = messages[number]
            return str(send(browsers[number], message, ALICES.sign(message)).json()["user"]["id"])
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as pool:
        ids = set(pool.map(sign_in, range(callers)))
    assert ids == {str(User.objects.get().public_id)}
    assert Wallet.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_a_hundred_uses_of_a_signed_message_one_signs_in() -> None:
    browser, threads = APIClient(), 10
    message = compose(ask(browser), ALICES.address)
    signature, binding = ALICES.sign(message), browser.cookies["__Host-rallypoint_nonce"].value
    together = threading.Barrier(threads)

    def race(_: int) -> list[int]:
        client = APIClient()
        client.cookies["__Host-rallypoint_nonce"] = binding
        try:
            connection.ensure_connection()
            together.wait(timeout=20)
            return [send(client, message, signature).status_code for _ in range(10)]
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        codes = [code for ten in pool.map(race, range(threads)) for code in ten]
    assert sorted(codes) == [200] + [401] * 99
