"""Completing quests in this process, without HTTP: so many threads, as a web worker has them."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

# Connecting so many takes a second; on a machine that does much else, far longer.
_READY_WITHIN = 150


def complete(
    *, threads: int, first: int, players: int, quests: list[int], limit: int = 0
) -> dict[str, Any]:
    """All players from the id `first` on do quest after quest, `limit` completions in all.

    Gives the seconds that it took and what came of it, by code; every thread is connected and has
    run a query before the clock starts.
    """
    from accounts.models import User

    cast = list(User.objects.filter(pk__gte=first).order_by("pk")[:players])
    pairs = ((player, number) for number in quests for player in cast)
    crew = _Crew(threads, quests[0], iter(list(islice(pairs, limit or None))))
    crew.ready.wait(_READY_WITHIN)
    started, used = time.perf_counter(), time.process_time()
    crew.join()
    seconds, used = time.perf_counter() - started, time.process_time() - used
    return {"seconds": seconds, "process_seconds": used, "outcomes": dict(crew.outcomes)}


class _Crew:
    """So many threads, at work once all of them and the caller have waited at `ready`."""

    def __init__(self, threads: int, quest: int, todo: Iterator[tuple[Any, int]]) -> None:
        self.ready, self.outcomes = threading.Barrier(threads + 1), Counter[str]()
        self._quest, self._todo, self._lock = quest, todo, threading.Lock()
        self._threads = [threading.Thread(target=self._work) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        from django.db import connection

        from quests.definitions import find_definition

        try:
            with self._lock:  # all at once would be more than some wait for on a busy machine
                find_definition(self._quest, fresh=True)
        except BaseException:
            self.ready.abort()  # nobody else need wait for this one
            raise
        self.ready.wait(_READY_WITHIN)
        while (pair := self._next()) is not None:
            outcome = _outcome(*pair)
            with self._lock:
                self.outcomes[outcome] += 1
        connection.close()

    def _next(self) -> tuple[Any, int] | None:
        with self._lock:
            return next(self._todo, None)


def _outcome(player: Any, number: int) -> str:
    from monitoring.wire.problem import Problem
    from quests.completions.completing import complete_quest

    try:
        complete_quest(player=player, number=number)
    except Problem as problem:
        return str(problem.code)
    return "paid"
