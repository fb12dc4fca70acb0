"""Which backups stay: the newest of each of the last days, weeks and months that have one."""

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import NamedTuple

from monitoring.backups.manifest import Manifest


class Keep(NamedTuple):
    daily: int
    weekly: int
    monthly: int


def expired(manifests: Sequence[Manifest], keep: Keep) -> list[Manifest]:
    """Periods are those that have backups, not those of the calendar: when none were made for a
    year, the old ones are all the more precious. The newest stays, and so does the newest that is
    verified."""
    newest_first = sorted(manifests, key=lambda one: one.created_at, reverse=True)
    kept = {one.name for one in newest_first[:1]}
    kept |= {one.name for one in [one for one in newest_first if one.verified_at][:1]}
    for period, number in ((_day, keep.daily), (_week, keep.weekly), (_month, keep.monthly)):
        kept |= _newest_of_each(newest_first, period, number)
    return [one for one in newest_first if one.name not in kept]


def _newest_of_each(
    newest_first: Sequence[Manifest], period: Callable[[datetime], Hashable], number: int
) -> set[str]:
    newest: dict[Hashable, str] = {}
    for one in newest_first:
        newest.setdefault(period(one.created_at), one.name)
    return set(list(newest.values())[:number])


def _day(moment: datetime) -> Hashable:
    return moment.date()


def _week(moment: datetime) -> Hashable:
    return moment.isocalendar()[:2]


def _month(moment: datetime) -> Hashable:
    return moment.year, moment.month
