"""Completing quests in this process, without HTTP: so many threads, as a web worker has them."""

import threading
import time
from collections import Counter
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
    from django.db import connection

    from accounts.models import User
    from monitoring.wire.problem import Problem
    from quests.completions.completing import complete_quest
    from quests.definitions import find_definition

    cast = list(User.objects.filter(pk__gte=first).order_by("pk")[:players])
    pairs = ((player, number) for number in quests for player in cast)
    todo = iter(list(islice(pairs, limit or None)))
    ready, lock, outcomes = threading.Barrier(threads + 1), threading.Lock(), Counter[str]()

    def work() -> None:
        try:
            with lock:  # all at once would be more than some wait for on a busy machine
                find_definition(quests[0], fresh=True)
        except BaseException:
            ready.abort()  # nobody else need wait for this one
            raise
        ready.wait(_READY_WITHIN)
        while True:
            with lock:
                player, number = next(todo, (None, 0))
            if player is None:
                break
            try:
                complete_quest(player=player, number=number)
                outcome = "paid"
            except Problem as problem:
                outcome = str(problem.code)
            with lock:
                outcomes[outcome] += 1
        connection.close()

    crew = [threading.Thread(target=work) for _ in range(threads)]
    for thread in crew:
        thread.start()
    ready.wait(_READY_WITHIN)
    started, used = time.perf_counter(), time.process_time()
    for thread in crew:
        thread.join()
    seconds, used = time.perf_counter() - started, time.process_time() - used
    return {"seconds": seconds, "process_seconds": used, "outcomes": dict(outcomes)}
