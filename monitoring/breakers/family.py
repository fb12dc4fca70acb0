"""Breakers of one kind, one for each of many who may be asked."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from monitoring.breakers import registry
from monitoring.breakers.breaker import Breaker, Limits


class Breakers:
    """The `at_most` that were asked for last; of the others what was known is forgotten."""

    def __init__(
        self,
        name: str,
        limits: Limits | None = None,
        *,
        failures: tuple[type[Exception], ...] = (Exception,),
        at_most: int = 1_000,
    ) -> None:
        self.name = name
        self._limits, self._failures, self._at_most = limits, failures, at_most
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Breaker] = OrderedDict()

    def of(self, key: Hashable) -> Breaker:
        with self._lock:
            breaker = self._kept.pop(key, None) or self._make()
            self._kept[key] = breaker
            forgotten = len(self._kept) > self._at_most and self._kept.popitem(last=False)
        if forgotten:
            del forgotten
            registry.show(self.name)
        return breaker

    def _make(self) -> Breaker:
        return Breaker(self.name, self._limits, failures=self._failures)
