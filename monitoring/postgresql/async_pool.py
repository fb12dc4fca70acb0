"""The pool of what asks PostgreSQL from the event loop, measured as Django's is. Imports no
Django."""

from typing import Any

from psycopg import AsyncConnection, OperationalError
from psycopg_pool import AsyncConnectionPool
from psycopg_pool.pool_async import MaintenanceTask

from monitoring.postgresql.figures import FIGURES_SECONDS, Figures, forget_those_gone, reason_of


class MeasuredPool(AsyncConnectionPool[AsyncConnection[Any]]):
    """`name` is its label in metrics. `pgbouncer`: connections are PgBouncer's, which gives every
    transaction another server, so nothing is prepared on one, and takes no options on connecting.
    """

    def __init__(self, url: str, *, name: str, pgbouncer: bool = False, **options: Any) -> None:
        self._figures = Figures(name)
        kwargs = dict(options.pop("kwargs", None) or {})
        if pgbouncer:
            kwargs.pop("options", None)
            kwargs["prepare_threshold"] = None
        super().__init__(url, name=name, kwargs=kwargs, **options)

    async def open(self, wait: bool = False, timeout: float = 30.0) -> None:  # noqa: ASYNC109, FBT001, FBT002 - psycopg's
        is_new = self.closed
        await super().open(wait, timeout)
        if is_new:
            await self.schedule_task(_HandOver(self), FIGURES_SECONDS)

    async def getconn(self, timeout: float | None = None) -> AsyncConnection[Any]:  # noqa: ASYNC109
        try:
            return await super().getconn(timeout)
        except OperationalError as error:
            self._figures.refuse(reason_of(error))
            forget_those_gone(self._waiting)
            raise

    def hand_over(self) -> None:
        self._figures.hand_over(self.get_stats())


class _HandOver(MaintenanceTask):
    async def _run(self, pool: Any) -> None:
        pool.hand_over()
        await pool.schedule_task(self, FIGURES_SECONDS)
