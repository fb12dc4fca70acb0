"""A connection that does not wait for ever for a server that is frozen, or beyond a cut network.

`statement_timeout` is kept by the server: one that does nothing keeps no promises either.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.pq import TransactionStatus

Row = tuple[Any, ...]

# Beyond what the server may take for a statement, before it gives up itself.
ANSWER_WITHIN = 35.0


class SilentServerError(OperationalError):
    """No answer came in time; whether the statement was carried out is not known."""


class BoundedConnection(Connection[Row]):
    """Seconds until an answer is given up, and the connection with it."""

    answer_within = ANSWER_WITHIN

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.answer_within)
        except OperationalError as error:
            # psycopg has no name of its own for this that it promises to keep.
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.pgconn.finish()
            raise SilentServerError("PostgreSQL does not answer") from error

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """A shorter limit for a while."""
        usual, self.answer_within = self.answer_within, seconds
        try:
            yield
        finally:
            self.answer_within = usual
