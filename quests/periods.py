"""Which day or week a moment belongs to: the key under which a repeating quest is done once."""

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from quests.models import Quest

Recurrence = Quest.Recurrence
# What the zone database has for machines, not for people.
_ZONES = frozenset(
    name for name in available_timezones() if not name.startswith(("Etc/", "SystemV", "posix"))
) | {"UTC"}


def is_zone(name: str) -> bool:
    return name in _ZONES


def period_of(recurrence: str, zone: str, at: datetime) -> str:
    """ "" for a quest that is done once, else `2031-05-01` or the ISO week `2031-W18`."""
    if recurrence == Recurrence.ONCE:
        return ""
    local = at.astimezone(ZoneInfo(zone))
    if recurrence == Recurrence.DAILY:
        return f"{local:%Y-%m-%d}"
    year, week, _ = local.isocalendar()
    return f"{year}-W{week:02}"
