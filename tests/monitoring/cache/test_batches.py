"""Many values at once: only what is not kept is computed."""

from collections.abc import Collection

import pytest
from django.db import OperationalError

from monitoring.cache import cacheable_many
from monitoring.cache.batches import CachedMany
from monitoring.cache.store import Store
from monitoring.responses.tags import forget_after_commit


class Squares:
    """Of even numbers; it knows no others. `asked` is what for, call by call."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.is_database_away = False

    def cached(self, *, ttl: float = 60) -> "CachedMany[int, int]":
        @cacheable_many(ttl=ttl, tags=lambda number: [f"square:{number}"])
        def squares(numbers: Collection[int]) -> dict[int, int]:
            self.asked.append(list(numbers))
            if self.is_database_away:
                raise OperationalError
            return {number: number * number for number in numbers if number % 2 == 0}

        return squares


@pytest.fixture
def squares() -> Squares:
    return Squares()


def test_only_what_is_not_kept_is_computed(squares: Squares) -> None:
    cached = squares.cached()

    assert cached([2, 4, 2]) == {2: 4, 4: 16}
    assert cached([6, 4, 2]) == {6: 36, 4: 16, 2: 4}
    assert squares.asked == [[2, 4], [6]]


def test_that_it_knows_nothing_of_one_is_kept_too(squares: Squares) -> None:
    cached = squares.cached()

    assert cached([1, 2]) == cached([1, 2]) == {2: 4}
    assert squares.asked == [[1, 2]]


def test_asked_for_nothing_it_asks_for_nothing(squares: Squares) -> None:
    assert squares.cached()([]) == {}


@pytest.mark.django_db(transaction=True)
def test_a_change_ends_one_of_them(squares: Squares) -> None:
    cached = squares.cached()
    cached([2, 4])
    forget_after_commit("square:4")
    cached([2, 4])

    assert squares.asked == [[2, 4], [4]]


def test_while_the_database_is_away_the_old_values_are_given(squares: Squares) -> None:
    cached = squares.cached(ttl=0)
    cached([2, 3])
    squares.is_database_away = True

    assert cached([2, 3]) == {2: 4}
    with pytest.raises(OperationalError):
        cached([2, 8])


def test_without_redis_all_are_computed(squares: Squares, no_redis: Store) -> None:
    assert no_redis
    cached = squares.cached()

    assert cached([2]) == cached([2]) == {2: 4}
    assert squares.asked == [[2], [2]]
