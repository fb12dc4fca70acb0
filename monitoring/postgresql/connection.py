"""A connection that does not wait for ever for a server that is frozen, or beyond a cut network.

`statement_timeout` is kept by the server: one that does nothing keeps no promises either.
"""

import select
import time
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.pq import ExecStatus, TransactionStatus

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

    def refuse_silence(self, seconds: float) -> None:
        """An OperationalError unless the server answers an empty query in time. Every request asks
        this, so it is asked of libpq itself: a cursor costs ten times as much."""
        pgconn, deadline = self.pgconn, time.monotonic() + seconds
        pgconn.send_query(b"")
        pgconn.flush()
        answers = select.poll()
        answers.register(pgconn.socket, select.POLLIN)
        while pgconn.is_busy():
            if not answers.poll(max(0.0, deadline - time.monotonic()) * 1000):
                pgconn.finish()
                raise SilentServerError("PostgreSQL does not answer")
            pgconn.consume_input()
        answered = pgconn.get_result()
        if answered is None or answered.status != ExecStatus.EMPTY_QUERY or pgconn.get_result():
            pgconn.finish()
            raise OperationalError("this connection to PostgreSQL has ended")
