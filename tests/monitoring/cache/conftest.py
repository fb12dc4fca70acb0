"""A function that counts how often it was really asked."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import override_settings

from monitoring.cache import cacheable, store
from monitoring.cache.store import Store
from monitoring.lookups import LOOKUPS

Outcomes = Callable[[Any], dict[str, float]]


class Counting:
    """`cached(...)` is a cacheable function that gives how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_database_away = False
        self.meanwhile: Callable[[], object] = lambda: None

    def cached(self, **options: Any) -> Any:
        def count(*_: object, **__: object) -> int:
            self.asked += 1
            number = self.asked
            self.meanwhile()
            if self.is_database_away:
                raise OperationalError("the connection is closed")
            return number

        return cacheable(**{"ttl": 60, **options})(count)


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test's Redis did is nothing to this one's."""
    monkeypatch.setattr(store.store, "_away_until", 0.0)


@pytest.fixture
def no_redis(settings: Any, unused_tcp_port: int) -> Iterator[Store]:
    elsewhere = f"redis://127.0.0.1:{unused_tcp_port}/0"
    default = settings.CACHES["default"] | {"LOCATION": elsewhere}
    with override_settings(CACHES={"default": default}):
        yield store.store


@pytest.fixture
def outcomes() -> Outcomes:
    """How often each came of looking up what this function gives."""

    def count(cached: Any) -> dict[str, float]:
        return {
            sample.labels["outcome"]: sample.value
            for metric in LOOKUPS.collect()
            for sample in metric.samples
            if sample.labels["name"] == cached.name and sample.name.endswith("_total")
        }

    return count
