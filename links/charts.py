"""What the charts of a link's page say: points and shares, in words and numbers. The browser draws
them (templates/static/rallypoint/charts.js); each has a table beside it that needs no script."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from links.clicks.statistics import Counts, Interval

_MOST_BARS, _MOST_SHARES = 8, 25
# Whose values the browser says in words: the kind of name for each dimension.
_NAMES = {"country": "region", "language": "language"}


class Point(NamedTuple):
    """One step of the series, with its name for people and a short one for the axis."""

    label: str
    mark: str
    counts: Counts


class TimeChart(NamedTuple):
    points: Sequence[Point]

    @property
    def is_empty(self) -> bool:
        return not any(point.counts.clicks for point in self.points)

    @property
    def highest(self) -> Point:
        return max(self.points, key=lambda point: point.counts.clicks)

    @property
    def data(self) -> dict[str, Any]:
        return {
            "kind": "time",
            "labels": [point.label for point in self.points],
            "marks": [point.mark for point in self.points],
            "people": [point.counts.humans for point in self.points],
            "bots": [point.counts.bots for point in self.points],
        }


class Share(NamedTuple):
    """One line of a break-down: `percent` of the whole."""

    value: str
    label: str
    clicks: int
    percent: str


class Breakdown(NamedTuple):
    key: str
    title: str
    shares: Sequence[Share]

    @property
    def data_id(self) -> str:
        return f"{self.key}-data"

    @property
    def names(self) -> str:
        return _NAMES.get(self.key, "")

    @property
    def bars(self) -> Sequence[Share]:
        return self.shares[:_MOST_BARS]

    @property
    def data(self) -> dict[str, Any]:
        return {
            "kind": "bars",
            "names": self.names,
            "values": [share.value for share in self.bars],
            "labels": [share.label for share in self.bars],
            "people": [share.clicks for share in self.bars],
            "percents": [share.percent for share in self.bars],
        }


def time_chart(series: Sequence[tuple[datetime, Counts]], interval: Interval) -> TimeChart:
    return TimeChart([
        Point(name_of(start, interval), _mark_of(start, interval), counts)
        for start, counts in series
    ])  # fmt: skip


def name_of(start: datetime, interval: Interval) -> str:
    day = f"{start.day} {start:%b %Y}"
    names = {
        Interval.HOUR: f"{day}, {start:%H:%M}",
        Interval.DAY: f"{start:%a} {day}",
        Interval.WEEK: f"Week of {day}",
        Interval.MONTH: f"{start:%B %Y}",
    }
    return names[interval]


def breakdown(
    key: str, title: str, values: Sequence[tuple[str, Counts]], *, unknown: str
) -> Breakdown:
    """People only, most clicks first: bots say nothing about an audience. The many small ones are
    one line, so that the sum stays right."""
    humans = [(value, counts.humans) for value, counts in values if counts.humans]
    humans.sort(key=lambda entry: (-entry[1], entry[0]))
    whole = sum(clicks for _, clicks in humans)
    shares = [
        Share(value, _said(key, value) or unknown, clicks, _rounded(clicks / whole))
        for value, clicks in humans[:_MOST_SHARES]
    ]
    if others := [clicks for _, clicks in humans[_MOST_SHARES:]]:
        together = sum(others)
        shares.append(Share("", f"{len(others):,} others", together, _rounded(together / whole)))
    return Breakdown(key, title, shares)


def _said(key: str, value: str) -> str:
    return value.capitalize() if key == "device" else value


def _mark_of(start: datetime, interval: Interval) -> str:
    if interval is Interval.MONTH:
        return f"{start:%b %Y}"
    if interval is Interval.HOUR and start.hour:
        return f"{start:%H:%M}"
    return f"{start.day} {start:%b}"


def _rounded(part: float) -> str:
    """For reading: whole percents, and no 0 % beside something that is there."""
    return "<1%" if part < 0.005 else f"{part:.0%}"
