"""Single flight over the threads of a process: of those who come for one key at one time, one works
and the others take what he found."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class _Flight(NamedTuple):
    pilot: int
    landed: "Future[object]"


class Flights(Generic[T]):
    def __init__(self, *, patience: float) -> None:
        """Who has waited `patience` seconds for another one works himself."""
        self._patience = patience
        self._lock = threading.Lock()
        self._flying: dict[str, _Flight] = {}

    def fly(self, key: str, work: Callable[[], T]) -> tuple[T, bool]:
        """What `work` gives or raises, and whether it was this call that did it."""
        me = threading.get_ident()
        with self._lock:
            flight = self._flying.get(key)
            if flight is None:
                mine = self._flying[key] = _Flight(me, Future())
        if flight is None:
            return self._work(key, mine, work), True
        if found := self._wait(flight):
            return found[0], False
        return work(), True

    def is_flying(self, key: str) -> bool:
        return key in self._flying

    def is_mine(self, key: str) -> bool:
        """Who asks for his own key while he computes it would wait for himself."""
        flight = self._flying.get(key)
        return flight is not None and flight.pilot == threading.get_ident()

    def _work(self, key: str, mine: _Flight, work: Callable[[], T]) -> T:
        try:
            found = work()
        except BaseException as error:
            self._end(key)
            mine.landed.set_exception(error)
            raise
        self._end(key)
        mine.landed.set_result(found)
        return found

    def _end(self, key: str) -> None:
        with self._lock:
            del self._flying[key]

    def _wait(self, flight: _Flight) -> tuple[T] | None:
        try:
            found: T = flight.landed.result(self._patience)  # type: ignore[assignment]
        except TimeoutError:
            if flight.landed.done():
                raise  # the work's own
            return None
        return (found,)
