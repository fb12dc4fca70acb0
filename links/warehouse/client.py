"""The connection to ClickHouse: one a thread, made when it is first needed."""

import http.client  # rule: network - no connection, only its limits
from collections.abc import Callable, Sequence
from threading import local
from typing import TYPE_CHECKING, Any

from django.conf import settings

from monitoring.breakers import Breaker, BreakerOpenError, Limits

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

CONNECTED_WITHIN = 2
# The server gives up what takes longer, and then so do we.
ANSWERED_WITHIN = 20
_LIMITS = Limits(window=4, minimum=2, open_seconds=10.0, slow_seconds=ANSWERED_WITHIN / 2)


class WarehouseError(Exception):
    """ClickHouse did not answer, or refused. The message repeats nothing of the address."""


breaker = Breaker("clickhouse", _LIMITS, failures=(WarehouseError,))
_mine = local()


def query(statement: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """The rows of an answer; `%(name)s` are quoted by the driver."""
    found = _asked(lambda client: client.query(statement, parameters).result_rows)
    return [tuple(row) for row in found]


def command(statement: str) -> None:
    _asked(lambda client: client.command(statement))


def insert(table: str, rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> None:
    """All of them or none, where they are of one partition."""
    _asked(lambda client: client.insert(table, rows, column_names=list(columns)))


def _asked(ask: Callable[["Client"], Any]) -> Any:
    _driver()
    from clickhouse_connect.driver.exceptions import Error

    try:
        with breaker.guard():
            try:
                return ask(_client())
            except (Error, OSError) as error:
                _mine.client = None
                code = str(error).partition("Code: ")[2][:4].rstrip(". ")
                said = f"{type(error).__name__}{f' {code}' if code else ''}"
                raise WarehouseError(f"ClickHouse: {said}") from None
    except BreakerOpenError as error:
        raise WarehouseError(str(error)) from None


def _client() -> "Client":
    if (client := getattr(_mine, "client", None)) is None:
        made: Client = _driver().get_client(
            dsn=settings.CLICKHOUSE_URL,
            connect_timeout=CONNECTED_WITHIN,
            send_receive_timeout=ANSWERED_WITHIN,
            # Sessions of ClickHouse take one statement at a time; none is needed.
            autogenerate_session_id=False,
            settings={
                "max_execution_time": ANSWERED_WITHIN,
                # A header each time: see _driver.
                "http_headers_progress_interval_ms": 1000,
            },
        )
        client = _mine.client = made
    return client


def _driver() -> Any:
    """It lets every HTTP answer of this process have ten thousand headers, those of strangers too,
    whose pages we fetch: that is taken back."""
    most = http.client._MAXHEADERS  # type: ignore[attr-defined]  # noqa: SLF001 - theirs, too
    import clickhouse_connect

    http.client._MAXHEADERS = most  # type: ignore[attr-defined]  # noqa: SLF001 - theirs, too
    return clickhouse_connect
