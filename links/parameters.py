"""Query parameters that statistics need beyond the common ones: days, moments, time zones, ids."""

from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from links.periods import YEARS, zone_names
from monitoring.wire.filters import Day, Instant, Parameter


class Bound(NamedTuple):
    """One end of a period. A whole day means its midnight in the zone that is asked for."""

    value: date | datetime

    def start(self, zone: ZoneInfo) -> datetime:
        return self._at(0, zone)

    def end(self, zone: ZoneInfo) -> datetime:
        """A day as an end is included: its end is meant."""
        return self._at(1, zone)

    def _at(self, days: int, zone: ZoneInfo) -> datetime:
        if isinstance(self.value, datetime):
            return self.value
        return datetime.combine(self.value + timedelta(days=days), time.min, zone)


class DayOrInstant(Parameter):
    """`2031-01-02`, or a moment `2031-01-02T03:04:05Z`; years 2000 to 2100."""

    schema = {"type": "string", "examples": ["2031-01-02", "2031-01-02T03:04:05Z"]}

    def parse(self, raw: str) -> Bound:
        kind = Day() if len(raw) <= len("2031-01-02") else Instant()
        value = kind.parse(raw)
        if value.year not in YEARS:
            raise ValueError("must lie between the years 2000 and 2100")
        return Bound(value)


class TimeZone(Parameter):
    schema = {"type": "string", "examples": ["Europe/Berlin"]}

    def __init__(self, *, default: str, **options: Any) -> None:
        super().__init__(default=ZoneInfo(default), **options)

    def parse(self, raw: str) -> ZoneInfo:
        if raw not in zone_names():
            raise ValueError("must be the name of a time zone, such as Europe/Berlin")
        return ZoneInfo(raw)


class Identifier(Parameter):
    schema = {"type": "string", "format": "uuid"}

    def parse(self, raw: str) -> UUID:
        try:
            return UUID(raw)
        except ValueError:
            raise ValueError("must be an id") from None
