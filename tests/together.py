"""Several callers at the same moment."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Lock
from typing import Any

from django.db import connection


@contextmanager
def together(callers: int) -> Iterator[Callable[[Callable[[int], Any]], list[Any]]]:
    """`run(work)` calls `work(0)` … `work(callers - 1)` at the same moment, each in a thread and on
    a connection of its own; gives what each returned, or raised."""
    start, one_by_one = Barrier(callers), Lock()

    def call(work: Callable[[int], Any], number: int) -> Any:
        try:
            # Before the moment: so many at once may take longer than a connection is waited for.
            with one_by_one:
                connection.ensure_connection()
            start.wait(timeout=60)
            return work(number)
        except Exception as error:  # noqa: BLE001 - an outcome like others
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as pool:
        yield lambda work: list(pool.map(lambda number: call(work, number), range(callers)))
