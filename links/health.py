"""What a health check can know of links: how far the drain is behind, what lies in the spool."""

import time

from django.conf import settings

from links.clicks.stream import read_entries
from links.clicks.streams import names
from links.redirect.spool import Spool
from links.warehouse import state
from monitoring.health.report import Check, Status
from monitoring.health.runner import check
from monitoring.redis import durable

# Charts are promised within seconds; a minute behind means that nobody drains.
LAG_SECONDS = 60


@check(
    hint=f"The oldest click has waited for over {LAG_SECONDS} s: are `workers` and `beat` well? If "
    "they are, the worker's log says why the drain fails.",
)
def check_click_stream() -> Check:
    """Degraded when the oldest click that waits has waited for more than LAG_SECONDS."""
    waiting, lag = stream_lag()
    status = Status.DEGRADED if lag > LAG_SECONDS else Status.HEALTHY
    return Check(status, details={"waitingBatches": waiting, "lagSeconds": round(lag, 1)})


@check(
    hint="Clicks lie on disk because Redis was away; web workers replay them by themselves when it "
    "is back. Those of workers that are dead: `manage.py replay_spool`.",
)
def check_spool() -> Check:
    """Degraded while clicks wait on disk: Redis was away, or is."""
    size = Spool(settings.SPOOL_DIR, max_bytes=0).size()
    status = Status.DEGRADED if size else Status.HEALTHY
    return Check(status, details={"bytes": size})


_NOT_COPIED = (
    "Statistics come from PostgreSQL while ClickHouse does not answer, or lacks clicks: "
    "`manage.py clickhouse status` says of which days, `manage.py clickhouse copy` brings them."
)


@check(hint=_NOT_COPIED, unseen=_NOT_COPIED)
def check_clickhouse() -> Check:
    """Degraded while the copy is not whole, or was not made for a minute."""
    whole = state.whole_since()
    status = Status.DEGRADED if whole is None else Status.HEALTHY
    return Check(status, details={"wholeSince": whole and whole.isoformat()})


def stream_lag(only: str = "") -> tuple[int, float]:
    """(entries that wait, seconds since the first of them was added), of all streams or one."""
    found = [_lag(name) for name in names() if only in {"", name}]
    return sum(waiting for waiting, _ in found), max((lag for _, lag in found), default=0.0)


def _lag(name: str) -> tuple[int, float]:
    redis = durable()
    first = next(read_entries(redis, name, count=1), None)
    if first is None:
        return 0, 0.0
    added = int(first[0].partition("-")[0]) / 1000
    return redis.xlen(name), max(0.0, time.time() - added)
