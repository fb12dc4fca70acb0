"""The geometry of charts: what the templates draw as SVG. Pure, and knows no request.

Across, everything is a share of the width in percent, so that a chart fills a phone and a desk
with letters of the same size; upwards it is pixels of PLOT_HEIGHT. Colours come from classes:
there is no inline style, which our Content-Security-Policy would refuse.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import NamedTuple

from links.clicks.statistics import Counts, Interval

PLOT_HEIGHT = 200
_MOST_LINES = 4
# How much of its column a bar fills; a handful of bars would look like walls.
_BAR_SHARE, _BAR_SHARE_OF_FEW, _FEW = 0.74, 0.5, 12
_LABELS, _LABELS_ON_PHONE = 12, 5
_SHARES_UNFOLDED, _MOST_SHARES = 7, 25
_STEPS = {
    Interval.HOUR: (1, 2, 3, 6, 12, 24, 48),
    Interval.DAY: (1, 2, 3, 6, 10, 12, 20, 30, 60),
    Interval.WEEK: (1, 2, 4, 8, 13, 26, 52),
    Interval.MONTH: (1, 2, 3, 6, 12, 24, 60, 120, 240),
}


class Point(NamedTuple):
    """One step of the series, with its name for people."""

    label: str
    counts: Counts


class Bar(NamedTuple):
    """People below, bots on top of them; the slot is the whole column, which tells the numbers."""

    point: Point
    slot_x: str
    slot_width: str
    x: str
    width: str
    humans_y: float
    humans_height: float
    bots_y: float
    bots_height: float


class Line(NamedTuple):
    """A line across, and the number that it stands for."""

    y: float
    label: str


class Mark(NamedTuple):
    """A label below the bars; those `only_wide` would collide on a phone."""

    x: str
    label: str
    only_wide: bool


class TimeChart(NamedTuple):
    bars: Sequence[Bar]
    lines: Sequence[Line]
    marks: Sequence[Mark]
    height: int = PLOT_HEIGHT

    @property
    def is_empty(self) -> bool:
        return not any(bar.point.counts.clicks for bar in self.bars)

    @property
    def highest(self) -> Point:
        return max((bar.point for bar in self.bars), key=lambda point: point.counts.clicks)


class Share(NamedTuple):
    """One line of a break-down: `percent` of the whole, `width` relative to the longest bar."""

    value: str
    label: str
    clicks: int
    percent: str
    width: str


class Breakdown(NamedTuple):
    key: str
    title: str
    first: Sequence[Share]
    rest: Sequence[Share]


def time_chart(series: Sequence[tuple[datetime, Counts]], interval: Interval) -> TimeChart:
    points = [Point(name_of(start, interval), counts) for start, counts in series]
    ticks = nice_ticks(max((point.counts.clicks for point in points), default=0))
    labels = axis_labels(ticks)
    return TimeChart(
        bars=[_bar(place, point, len(points), ticks[-1]) for place, point in enumerate(points)],
        lines=[Line(_y(tick, ticks[-1]), label) for tick, label in zip(ticks, labels, strict=True)],
        marks=list(_marks([start for start, _ in series], interval)),
    )


def nice_ticks(highest: int) -> list[int]:
    """Whole numbers from 0 to `highest` or just above it, 1, 2 or 5 times a power of ten apart."""
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if step * _MOST_LINES >= highest)
    lines = max(1, -(-highest // step))
    return [step * line for line in range(lines + 1)]


def axis_labels(ticks: Sequence[int]) -> list[str]:
    """As short as fits beside the chart, and all in one unit."""
    for unit, letter in ((10**9, "bn"), (10**6, "m"), (10**3, "k")):
        if ticks[-1] >= 10 * unit:
            return [f"{tick / unit:g}{letter}" if tick else "0" for tick in ticks]
    return [f"{tick:,}" for tick in ticks]


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
    """People only, most clicks first: bots say nothing about an audience."""
    humans = [(value, counts.humans) for value, counts in values if counts.humans]
    humans.sort(key=lambda entry: (-entry[1], entry[0]))
    whole, longest = sum(clicks for _, clicks in humans), max((n for _, n in humans), default=0)
    shares = [
        Share(value, value or unknown, clicks, _rounded(clicks / whole), _percent(clicks / longest))
        for value, clicks in humans[:_MOST_SHARES]
    ]
    if others := [clicks for _, clicks in humans[_MOST_SHARES:]]:
        together, name = sum(others), f"{len(others):,} others"
        width = _percent(min(1, together / longest))
        shares.append(Share("", name, together, _rounded(together / whole), width))
    # A fold that hides a single line is more work than the line.
    cut = _SHARES_UNFOLDED if len(shares) > _SHARES_UNFOLDED + 1 else len(shares)
    return Breakdown(key, title, shares[:cut], shares[cut:])


def _bar(place: int, point: Point, number: int, top: int) -> Bar:
    slot, share = 1 / number, _BAR_SHARE if number > _FEW else _BAR_SHARE_OF_FEW
    humans_y, all_y = _y(point.counts.humans, top), _y(point.counts.clicks, top)
    return Bar(
        point,
        slot_x=_percent(place * slot),
        slot_width=_percent(slot),
        x=_percent((place + (1 - share) / 2) * slot),
        width=_percent(share * slot),
        humans_y=humans_y,
        humans_height=round(PLOT_HEIGHT - humans_y, 2),
        bots_y=all_y,
        bots_height=round(humans_y - all_y, 2),
    )


def _marks(starts: Sequence[datetime], interval: Interval) -> Iterator[Mark]:
    """Labels at even distances; hours begin at a midnight, so that days are told apart."""
    first = 0
    if interval is Interval.HOUR:
        first = next((place for place, start in enumerate(starts) if start.hour == 0), 0)
    wide = _step(interval, len(starts), _LABELS)
    narrow = _step(interval, len(starts), _LABELS_ON_PHONE, multiple_of=wide)
    for place, start in enumerate(starts):
        if (place - first) % wide == 0:
            only_wide = (place - first) % narrow != 0
            yield Mark(_percent((place + 0.5) / len(starts)), _mark_of(start, interval), only_wide)


def _step(interval: Interval, number: int, most: int, multiple_of: int = 1) -> int:
    steps = [step for step in _STEPS[interval] if step % multiple_of == 0]
    return next((step for step in steps if number <= step * most), steps[-1])


def _mark_of(start: datetime, interval: Interval) -> str:
    if interval is Interval.MONTH:
        return f"{start:%b %Y}"
    if interval is Interval.HOUR and start.hour:
        return f"{start:%H:%M}"
    return f"{start.day} {start:%b}"


def _y(clicks: int, top: int) -> float:
    return round(PLOT_HEIGHT * (1 - clicks / top), 2)


def _percent(part: float) -> str:
    return f"{part * 100:.3f}%"


def _rounded(part: float) -> str:
    """For reading: whole percents, and no 0 % beside something that is there."""
    return "<1%" if part < 0.005 else f"{part:.0%}"
