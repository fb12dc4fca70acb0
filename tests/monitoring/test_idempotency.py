"""A POST that is repeated with its key answers again, but happens once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from monitoring.models import IdempotencyKey
from monitoring.tasks import forget_idempotency_keys
from tests.monitoring.doors import MakeSlowly

pytestmark = [pytest.mark.urls("tests.monitoring.doors"), pytest.mark.django_db]
Api = Callable[..., APIClient]


def make(client: APIClient, name: str, key: str | None = "key-1", **more: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(more.pop("to", "/api/make"), {"username": name, **more}, headers=headers)


def outcome(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def test_a_repetition_gives_the_same_answer_and_says_that_it_is_one(api: Api, alice: User) -> None:
    first, again = (make(api(alice), "dora") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Location"] == first["Location"]
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert User.objects.filter(username="dora").count() == 1


def test_the_same_question_in_another_spelling_is_the_same(api: Api, alice: User) -> None:
    client, header = api(alice), {"Idempotency-Key": "k"}
    spellings = ('{"username": "dora", "x": 1}', '{"x":1,"username":"dor\\u0061"}')
    first, again = (
        client.post("/api/make", body, content_type="application/json", headers=header)
        for body in spellings
    )
    assert again.content == first.content


def test_another_body_with_the_key_is_refused(api: Api, alice: User) -> None:
    make(api(alice), "dora")
    assert outcome(make(api(alice), "emil")) == (422, "idempotency_key_reused")
    assert not User.objects.filter(username="emil").exists()


@pytest.mark.parametrize("address", ["/api/make?x=1", "/api/make/7"])
def test_another_address_is_another_question(api: Api, alice: User, address: str) -> None:
    make(api(alice), "dora", to="/api/make/8" if "7" in address else "/api/make")
    assert outcome(make(api(alice), "dora", to=address)) == (422, "idempotency_key_reused")


def test_another_route_has_keys_of_its_own(api: Api, alice: User) -> None:
    make(api(alice), "dora")
    assert make(api(alice), "emil", to="/api/make/7").status_code == 201


def test_another_caller_has_keys_of_his_own(api: Api, alice: User, bob: User) -> None:
    make(api(alice), "dora")
    assert make(api(bob), "emil").status_code == 201


def test_another_key_is_another_request(api: Api, alice: User) -> None:
    make(api(alice), "dora", "key-1")
    assert make(api(alice), "emil", "key-2").status_code == 201


def test_without_a_key_nothing_is_kept(api: Api, alice: User) -> None:
    make(api(alice), "dora", None)
    make(api(alice), "emil", None)
    assert IdempotencyKey.objects.count() == 0


def test_a_refusal_leaves_neither_effect_nor_key(api: Api, alice: User) -> None:
    assert outcome(make(api(alice), "dora", fail=True)) == (409, "no_luck")
    assert not User.objects.filter(username="dora").exists()
    assert IdempotencyKey.objects.count() == 0
    assert make(api(alice), "dora").status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "a\x7f", "é", "a" * 256])
def test_a_key_that_is_none_is_refused(api: Api, alice: User, key: str) -> None:
    assert outcome(make(api(alice), "dora", key)) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize("key", ["!", "~" * 255])
def test_visible_ascii_is_a_key(api: Api, alice: User, key: str) -> None:
    assert make(api(alice), "dora", key).status_code == 201


def test_after_a_day_the_key_is_free_again(api: Api, alice: User) -> None:
    make(api(alice), "dora")
    kept = IdempotencyKey.objects.get()
    assert kept.expires_at - kept.created_at == timedelta(hours=24)
    IdempotencyKey.objects.update(expires_at=timezone.now())
    assert make(api(alice), "emil").status_code == 201
    assert IdempotencyKey.objects.count() == 1


def test_neither_key_nor_body_can_be_read_from_what_is_kept(api: Api, alice: User) -> None:
    make(api(alice), "a-telling-name", "a-telling-key")
    row = str(IdempotencyKey.objects.values().get())
    assert "telling" not in row


def test_expired_keys_are_forgotten(api: Api, alice: User) -> None:
    make(api(alice), "dora", "key-1")
    IdempotencyKey.objects.update(expires_at=timezone.now())
    make(api(alice), "emil", "key-2")
    assert forget_idempotency_keys() == 1
    assert IdempotencyKey.objects.count() == 1


def test_a_secret_answer_is_shown_once_and_made_once(api: Api, alice: User) -> None:
    first, again = (make(api(alice), "dora", to="/api/secret") for _ in range(2))
    assert first.json()["key"].startswith("secret-")
    assert outcome(again) == (409, "idempotent_answer_withheld")
    assert "secret-" not in str(IdempotencyKey.objects.values().get())
    assert User.objects.filter(username="dora").count() == 1


def test_a_stranger_has_no_keys(api: Api) -> None:
    """They would be everybody's: one stranger could read another's answer."""
    assert make(api(), "dora", to="/api/secret").status_code == 201
    assert make(api(), "emil", to="/api/secret").status_code == 201
    assert IdempotencyKey.objects.count() == 0


def in_its_own_connection(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connections.close_all()


@pytest.fixture
def slowly(transactional_db: None) -> Iterator[type[MakeSlowly]]:
    MakeSlowly.inside.clear()
    MakeSlowly.may_go_on.clear()
    yield MakeSlowly
    MakeSlowly.may_go_on.set()


def test_while_the_first_runs_the_second_is_told_so_at_once(
    api: Api, slowly: type[MakeSlowly], alice: User
) -> None:
    clients = [api(alice) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        first = pool.submit(
            in_its_own_connection, lambda: make(clients[0], "dora", to="/api/make-slowly")
        )
        assert slowly.inside.wait(10)
        second = make(clients[1], "dora", to="/api/make-slowly")
        assert outcome(second) == (409, "idempotency_in_progress")
        assert second["Retry-After"] == "1"
        slowly.may_go_on.set()
        assert first.result().status_code == 201
    assert make(clients[2], "dora", to="/api/make-slowly").content == first.result().content


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_happens(api: Api, alice: User) -> None:
    together, clients = Barrier(8), [api(alice) for _ in range(8)]

    def attempt(client: APIClient) -> Any:
        together.wait(10)
        return make(client, "dora")

    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(in_its_own_connection, lambda c=c: attempt(c)) for c in clients]
        statuses = [job.result().status_code for job in work]
    assert User.objects.filter(username="dora").count() == 1
    assert 201 in statuses
    assert set(statuses) <= {201, 409}


def test_a_first_one_that_dies_takes_everything_with_it(
    api: Api, slowly: type[MakeSlowly], alice: User
) -> None:
    clients = [api(alice) for _ in range(2)]
    clients[0].raise_request_exception = False
    with ThreadPoolExecutor() as pool:
        first = pool.submit(
            in_its_own_connection, lambda: make(clients[0], "dora", to="/api/make-slowly")
        )
        assert slowly.inside.wait(10)
        with connection.cursor() as cursor:
            cursor.execute(
                # Of this database: another test may hold locks of its own beside it.
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON oid = database"
                " WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
        slowly.may_go_on.set()
        assert first.result().status_code == 503
    assert make(clients[1], "dora", to="/api/make-slowly").status_code == 201
