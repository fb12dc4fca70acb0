"""Completions through two web workers: of many requests at once one pays, whoever is killed."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import requests
from redis import Redis

from tests.accounts.siwe import ALICES, BOBS, CHARLIES, TestWallet
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(600)]

ASKING = 64


def complete(session: requests.Session, url: str, number: int, key: str) -> tuple[int, Any]:
    """(status, body); (0, None) when the connection broke."""
    headers = {**session.headers, "Idempotency-Key": key}
    try:
        # A connection of its own, so that the two workers share the requests.
        answer = requests.post(f"{url}/api/progress/complete/{number}", headers=headers, timeout=30)
    except requests.ConnectionError:
        return 0, None
    return answer.status_code, answer.json()


def storm(
    stack: Stack, session: requests.Session, number: int, *, kill: bool = False
) -> list[tuple[int, Any]]:
    start = Barrier(ASKING + 1)

    def ask(place: int) -> tuple[int, Any]:
        start.wait(timeout=30)
        return complete(session, stack.url, number, f"{number}-{place % 2}")

    with ThreadPoolExecutor(ASKING) as pool:
        asked = [pool.submit(ask, place) for place in range(ASKING)]
        start.wait(timeout=30)
        if kill:
            os.kill(stack.web_workers()[0], signal.SIGKILL)
        return [one.result() for one in asked]


def public_answer(stack: Stack, wallet: TestWallet) -> Any:
    url = f"{stack.url}/api/public/users/interaction/{wallet.address}"
    return requests.get(url, timeout=10).json()


def assert_paid_once(stack: Stack, wallet: TestWallet, number: int, quests: int) -> None:
    known = public_answer(stack, wallet)
    assert [quest["questId"] for quest in known["completedQuests"]].count(number) == 1
    assert (known["questsCompleted"], known["totalXP"]) == (quests, 10 * quests)


def assert_reconciled(stack: Stack) -> None:
    report = stack.reconcile()
    assert report["clean"], report["differences"]


def test_of_64_requests_with_two_keys_one_pays(stack: Stack, long_form: bool) -> None:
    rounds = 50 if long_form else 3
    session = stack.sign_in(ALICES)

    for done, number in enumerate(stack.make_quests(*[{} for _ in range(rounds)]), 1):
        answers = storm(stack, session, number)
        paid = [body for status, body in answers if status == 200]
        refused = [body for status, body in answers if status == 409]
        assert len(paid) + len(refused) == ASKING, {status for status, _ in answers}
        # With the winner's key, whoever came later got the winner's very answer.
        assert len({body["completionId"] for body in paid}) == 1
        codes = {body["code"] for body in refused}
        assert codes <= {"quest_already_completed", "idempotency_in_progress"}
        firsts = [body["firstResult"]["completionId"] for body in refused if "firstResult" in body]
        assert set(firsts) <= {paid[0]["completionId"]}
        assert_paid_once(stack, ALICES, number, quests=done)
    assert_reconciled(stack)


def test_killing_a_worker_in_the_middle_pays_once_all_the_same(
    stack: Stack, long_form: bool
) -> None:
    rounds = 20 if long_form else 3
    session = stack.sign_in(BOBS)

    for done, number in enumerate(stack.make_quests(*[{} for _ in range(rounds)]), 1):
        answers = storm(stack, session, number, kill=True)
        assert {status for status, _ in answers} <= {0, 200, 409}
        wait_until(lambda: len(stack.web_workers()) == 2)
        # Whoever got no answer asks again, with the same key.
        status, body = complete(session, stack.url, number, f"{number}-0")
        assert status in {200, 409}, body
        # Killed between its commit and its word, a worker leaves that to the relay.
        wait_until(lambda done=done: public_answer(stack, BOBS)["questsCompleted"] == done)
        assert_paid_once(stack, BOBS, number, quests=done)
    assert_reconciled(stack)


def test_an_emptied_redis_changes_no_leaderboard(stack: Stack) -> None:
    session = stack.sign_in(CHARLIES)
    numbers = stack.make_quests({}, {})
    complete(session, stack.url, numbers[0], "before")
    addresses = [
        "/api/public/users/leaderboard",
        f"/api/public/users/leaderboard?around={CHARLIES.address}",
        f"/api/public/users/interaction/{CHARLIES.address}",
    ]

    def read() -> list[Any]:
        return [requests.get(stack.url + address, timeout=10).json() for address in addresses]

    before = read()
    with Redis.from_url(stack.env["REDIS_URL"]) as redis:
        redis.flushdb()

    assert read() == before
    complete(session, stack.url, numbers[1], "after")
    ranked, around, mine = read()
    assert mine["totalXP"] == 20
    for page in (ranked, around):
        (row,) = [user for user in page["users"] if user["walletAddress"] == CHARLIES.address]
        assert (row["totalXP"], row["completedQuests"]) == (20, 2)
    assert_reconciled(stack)


def test_the_public_answer_follows_a_completion_at_once(stack: Stack) -> None:
    """Through both workers, though it is kept in front of Django."""
    session = stack.sign_in(ALICES)
    url = f"{stack.url}/api/public/users/interaction/{ALICES.address}"

    def read() -> requests.Response:
        return requests.get(url, timeout=10)

    xp = read().json()["totalXP"]
    wait_until(lambda: read().headers["X-Cache"] == "HIT")
    for number in stack.make_quests({}, {}, {}):
        started = time.monotonic()
        status, body = complete(session, stack.url, number, f"now-{number}-{started}")
        assert status == 200, body
        xp += 10
        assert [read().json()["totalXP"] for _ in range(4)] == [xp] * 4
