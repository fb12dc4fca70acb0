"""A row a component and day, which counts its minutes. Every web worker samples each minute, and
the first one to write it counts: the others find it written.

While PostgreSQL is away the minutes wait in memory, so that an outage shows on its own page.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError, connection, transaction

from monitoring.health.report import Status
from monitoring.health.runner import runner
from monitoring.models import StatusDay
from monitoring.status.components import component_states

SAMPLE_SECONDS = 60.0
DAYS = 90
# Half a day of minutes: of a longer outage the rest is shown as not observed.
MOST_WAITING = 720

_UPSERT = """
INSERT INTO monitoring_statusday AS known
    (day, component, healthy, degraded, down, last_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (day, component) DO UPDATE SET
    healthy = known.healthy + excluded.healthy,
    degraded = known.degraded + excluded.degraded,
    down = known.down + excluded.down,
    last_at = excluded.last_at
WHERE known.last_at < excluded.last_at
"""


class Sample(NamedTuple):
    """How the components were in the minute that began `at`."""

    at: datetime
    states: Mapping[str, Status]


class Recorder:
    def __init__(self) -> None:
        self._waiting: deque[Sample] = deque(maxlen=MOST_WAITING)
        self._lock = Lock()

    def record(self, at: datetime, states: Mapping[str, Status]) -> None:
        """Never fails because PostgreSQL is away: then the sample waits. It waits for whatever
        else is wrong, too, and that is raised."""
        with self._lock:
            self._waiting.append(Sample(at.replace(second=0, microsecond=0), states))
            try:
                _write(self._waiting, forget_before=at.date() - timedelta(days=DAYS))
            except (OperationalError, InterfaceError):
                return
            self._waiting.clear()


def _write(samples: Iterable[Sample], *, forget_before: date) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for sample in samples:
            for component, status in sorted(sample.states.items()):
                counts = (
                    status is Status.HEALTHY,
                    status is Status.DEGRADED,
                    not status.serves,
                )
                row: Any = (sample.at.date(), component, *map(int, counts), sample.at)
                cursor.execute(_UPSERT, row)
        StatusDay.objects.filter(day__lte=forget_before).delete()


@lru_cache(maxsize=1)
def recorder() -> Recorder:
    """Of this process."""
    return Recorder()


def sample() -> None:
    try:
        recorder().record(datetime.now(UTC), component_states(runner().results()))
    finally:
        connection.close()
