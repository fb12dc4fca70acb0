"""What was recorded, as the page shows it. Pure, but for the one query."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from monitoring.health.report import Status
from monitoring.models import StatusDay
from monitoring.status.history import DAYS

# Fewer minutes than this a day are those in which a part was started anew.
_HARDLY_DEGRADED = 5
_MINUTES_OF_HOUR, _MINUTES_OF_DAY = 60, 1_440


class Level(StrEnum):
    UNKNOWN = "unknown"
    GOOD = "good"
    DEGRADED = "degraded"
    DOWN = "down"


class Minutes(NamedTuple):
    healthy: int = 0
    degraded: int = 0
    down: int = 0

    @property
    def observed(self) -> int:
        return sum(self)

    @property
    def share_up(self) -> float | None:
        """Of what was observed; None when nothing was."""
        return 1 - self.down / self.observed if self.observed else None

    @property
    def level(self) -> Level:
        if not self.observed:
            return Level.UNKNOWN
        if self.down:
            return Level.DOWN
        return Level.DEGRADED if self.degraded > _HARDLY_DEGRADED else Level.GOOD


class Day(NamedTuple):
    day: date
    minutes: Minutes

    @property
    def level(self) -> Level:
        return self.minutes.level

    @property
    def told(self) -> str:
        name = f"{self.day.day} {self.day:%b %Y}"
        if self.level is Level.UNKNOWN:
            return f"{name}: not observed"
        down, degraded = self.minutes.down, self.minutes.degraded
        return f"{name}: {uptime(self.minutes)}, {down} min down, {degraded} min degraded"


class Component(NamedTuple):
    """`days` are the last DAYS ones, oldest first."""

    name: str
    status: Status
    days: Sequence[Day]

    @property
    def uptime(self) -> str:
        """Of less than a day it says how little that is: everything new is 100 % up."""
        minutes = Minutes(*(sum(counts) for counts in zip(*self._minutes, strict=True)))
        if not 0 < minutes.observed < _MINUTES_OF_DAY:
            return uptime(minutes)
        return f"{uptime(minutes)} in the {_time(minutes.observed)} observed so far"

    @property
    def _minutes(self) -> list[Minutes]:
        return [Minutes(), *(day.minutes for day in self.days)]


def uptime(minutes: Minutes) -> str:
    """Rounded down: a minute that was lost is never 100 %."""
    if (share := minutes.share_up) is None:
        return "not observed yet"
    return f"{int(share * 10_000) / 100:g} % up"


def _time(minutes: int) -> str:
    return f"{minutes} min" if minutes < _MINUTES_OF_HOUR else f"{minutes // _MINUTES_OF_HOUR} h"


def recorded(today: date) -> list[StatusDay]:
    """Of the last DAYS days."""
    return list(StatusDay.objects.filter(day__gt=today - timedelta(days=DAYS)))


def components(
    states: Mapping[str, Status], rows: Iterable[StatusDay], today: date
) -> Iterator[Component]:
    found = {(row.component, row.day): row for row in rows}
    dates = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    for name, status in states.items():
        days = [Day(day, _minutes(found.get((name, day)))) for day in dates]
        yield Component(name, status, days)


def _minutes(row: StatusDay | None) -> Minutes:
    return Minutes(row.healthy, row.degraded, row.down) if row else Minutes()
