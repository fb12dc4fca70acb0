"""What a function gives is kept for its next callers, until what it speaks of has changed."""

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from django.db import OperationalError, transaction

from monitoring.cache import cache_invalidate, cacheable, entries
from monitoring.cache.store import Store, store
from monitoring.cache.values import key_of
from monitoring.redis import evictable
from monitoring.responses.tags import forget_after_commit
from tests.monitoring.cache.conftest import Counting, Outcomes


class Place(NamedTuple):
    name: str
    since: datetime


def test_the_second_caller_gets_what_the_first_computed(
    counting: Counting, outcomes: Outcomes
) -> None:
    cached = counting.cached()
    before = outcomes(cached)

    assert [cached(1), cached(1), cached(2), cached(one=1)] == [1, 1, 2, 3]
    after = outcomes(cached)
    assert {name: after[name] - before.get(name, 0) for name in ("hit", "miss")} == {
        "hit": 1,
        "miss": 3,
    }


def test_values_come_back_as_what_they_were() -> None:
    since = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)

    @cacheable(ttl=60)
    def places(count: int) -> list[Place]:
        return [Place("ada", since)] * count

    assert places(2) == places(2) == [Place("ada", since)] * 2
    assert isinstance(places(2)[0], Place)


def test_that_there_is_nothing_is_kept_too() -> None:
    asked = []

    @cacheable(ttl=60, negative=10)
    def find(name: str) -> str | None:
        asked.append(name)
        return None

    assert find("ada") is None
    assert find("ada") is None
    assert asked == ["ada"]
    (key,) = evictable().keys("rallypoint:cache:*find*")
    assert 3_600 < evictable().ttl(key) <= 3_610


def test_what_is_raised_is_not_kept(counting: Counting) -> None:
    cached = counting.cached()
    counting.is_database_away = True
    with pytest.raises(OperationalError):
        cached()
    counting.is_database_away = False

    assert cached() == 2


def test_a_key_tells_values_apart_and_a_version_parts_programs(counting: Counting) -> None:
    by_parity = counting.cached(key=lambda number: number % 2)
    assert [by_parity(1), by_parity(3), by_parity(2)] == [1, 1, 2]

    assert counting.cached(key=lambda number: number % 2, version=2)(1) == 3


def test_a_model_is_not_what_tells_values_apart(counting: Counting) -> None:
    with pytest.raises(TypeError):
        counting.cached()(object())


def test_a_value_of_another_type_is_computed_anew() -> None:
    @cacheable(ttl=60)
    def number() -> int:
        return 7

    entry = entries.Entry(entries.soft_end(60), 0.1, [], entries.msgspec.Raw(b"\xa3abc"))
    store.put({key_of(number.name, 1, ((), {})): entry}, keep=60)

    assert number() == 7


@pytest.mark.django_db(transaction=True)
def test_a_change_ends_it_after_its_commit(counting: Counting) -> None:
    cached = counting.cached(tags=lambda name: [f"person:{name}"])

    @cache_invalidate(tags=lambda name: [f"person:{name}"])
    def rename(name: str) -> None:
        assert name

    assert [cached("ada"), cached("bob")] == [1, 2]
    with transaction.atomic():
        rename("ada")
        transaction.on_commit(lambda: None)
        assert counting.asked == 2
    assert [cached("ada"), cached("bob")] == [3, 2]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_or_fails_ends_nothing(counting: Counting) -> None:
    cached = counting.cached(tags=["things"])

    @cache_invalidate(tags=["things"])
    def change(*, fail: bool = False) -> None:
        if fail:
            raise ValueError("not today")

    assert cached() == 1
    with transaction.atomic():
        change()
        transaction.set_rollback(True)
    with pytest.raises(ValueError, match="not today"):
        change(fail=True)
    assert cached() == 1

    change()
    assert cached() == 2


@pytest.mark.django_db(transaction=True)
def test_what_was_computed_from_old_rows_is_not_given_after_the_change(
    counting: Counting,
) -> None:
    cached = counting.cached(tags=["things"])
    counting.meanwhile = lambda: forget_after_commit("things")
    cached()
    counting.meanwhile = lambda: None

    assert [cached(), cached()] == [2, 2]


@pytest.mark.django_db(transaction=True)
def test_an_evicted_tag_brings_nothing_old_back(counting: Counting) -> None:
    cached = counting.cached(tags=["things"])
    cached()
    forget_after_commit("things")
    evictable().delete("rallypoint:tag:things")

    assert cached() == 2


@pytest.mark.django_db
def test_inside_of_a_transaction_nothing_is_kept(counting: Counting) -> None:
    cached = counting.cached()

    assert [cached(), cached()] == [1, 2]
    assert not evictable().keys("rallypoint:cache:*")


def test_while_the_database_is_away_the_old_value_is_given(
    counting: Counting, outcomes: Outcomes
) -> None:
    cached = counting.cached(ttl=0, stale=60)
    cached("stale")
    counting.is_database_away = True

    assert [cached("stale"), cached("stale")] == [1, 1]
    assert counting.asked == 2  # a dead database is not asked by each
    assert outcomes(cached)["stale"] >= 2
    with pytest.raises(OperationalError):
        cached("never computed")


@pytest.mark.django_db(transaction=True)
def test_what_has_changed_is_not_given_even_then(counting: Counting) -> None:
    cached = counting.cached(ttl=0, stale=60, tags=["things"])
    cached()
    forget_after_commit("things")
    counting.is_database_away = True

    with pytest.raises(OperationalError):
        cached()


def test_it_is_renewed_before_it_ends(
    counting: Counting, outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = counting.cached()
    cached("early")
    monkeypatch.setattr("monitoring.cache.values.is_due", lambda _: True)

    assert cached("early") == 2
    assert outcomes(cached)["early"] == 1


def test_a_renewal_that_fails_is_no_harm(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = counting.cached()
    cached()
    monkeypatch.setattr("monitoring.cache.values.is_due", lambda _: True)
    counting.is_database_away = True

    assert cached() == 1


def test_without_redis_everybody_computes_and_nobody_waits(
    counting: Counting, no_redis: Store, outcomes: Outcomes
) -> None:
    cached = counting.cached()

    assert [cached("away"), cached("away")] == [1, 2]
    assert no_redis._away_until > 0
    assert outcomes(cached)["away"] == 2


def test_an_emptied_redis_is_a_miss(counting: Counting) -> None:
    cached = counting.cached(tags=["things"])
    cached()
    evictable().flushdb()

    assert cached() == 2


def test_a_function_that_needs_its_own_value_does_not_wait_for_itself() -> None:
    depth: list[Any] = []

    @cacheable(ttl=60, key=lambda _: 0)
    def nested(times: int) -> int:
        depth.append(times)
        return nested(times - 1) if times else 0

    started = time.monotonic()
    assert nested(2) == 0
    assert depth == [2, 1, 0]
    assert time.monotonic() - started < 2
