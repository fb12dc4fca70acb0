"""The metrics at two moments, and what happened in between. Imports no Django."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from math import inf, isnan
from threading import Lock
from typing import NamedTuple

from prometheus_client.metrics_core import Metric

# Ours, and django-prometheus' of the database.
_KEPT = ("rallypoint_", "django_db_")

Labels = tuple[tuple[str, str], ...]
# (bound, how many lay at or below it), in rising order; the last bound is infinite.
Buckets = list[tuple[float, float]]
Series = tuple[str, Labels]

# Series have the same names in every snapshot. Kept once, they leave little to it but numbers.
_names: dict[Series, Series] = {}


class Snapshot(NamedTuple):
    """Every sample at Unix time `at`."""

    at: float
    values: Mapping[Series, float]

    def series(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        for (found, labels), value in self.values.items():
            if found == name:
                yield dict(labels), value

    def value(self, name: str, **labels: str) -> float | None:
        """None when nobody announced it."""
        return self.values.get((name, tuple(sorted(labels.items()))))


def snapshot(families: Iterable[Metric], at: float) -> Snapshot:
    values = {
        _named(sample.name, sample.labels): float(sample.value)
        for family in families
        if family.name.startswith(_KEPT)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    return Snapshot(at, values)


def _named(name: str, labels: Mapping[str, str]) -> Series:
    series = (name, tuple(sorted(labels.items())))
    return _names.setdefault(series, series)


class Change(NamedTuple):
    """What the counters counted from `older` to `newer`."""

    older: Snapshot
    newer: Snapshot

    @property
    def seconds(self) -> float:
        return max(self.newer.at - self.older.at, 0.001)

    def rise(self, name: str, labels: Labels) -> float:
        """Of one series. A counter that fell began anew, and counted what it shows."""
        value, before = self.newer.values[name, labels], self.older.values.get((name, labels), 0.0)
        return value - before if value >= before else value

    def increases(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """By labels."""
        for found, labels in self.newer.values:
            if found == name:
                yield dict(labels), self.rise(found, labels)

    def increase(self, name: str, **wanted: str) -> float:
        """Over all series that have these labels."""
        return sum(
            value for labels, value in self.increases(name) if wanted.items() <= labels.items()
        )

    def by(self, name: str, *keys: str) -> dict[tuple[str, ...], float]:
        sums: dict[tuple[str, ...], float] = defaultdict(float)
        for labels, value in self.increases(name):
            sums[tuple(labels.get(key, "") for key in keys)] += value
        return dict(sums)

    def buckets(self, histogram: str, *keys: str) -> dict[tuple[str, ...], Buckets]:
        """Of each group of series that agree in `keys`; with none of them there is one group."""
        counts: dict[tuple[str, ...], dict[float, float]] = defaultdict(lambda: defaultdict(float))
        for labels, value in self.increases(f"{histogram}_bucket"):
            group = tuple(labels.get(key, "") for key in keys)
            counts[group][float(labels["le"])] += value
        return {group: sorted(bounds.items()) for group, bounds in counts.items()}


def quantile(buckets: Buckets, share: float) -> float | None:
    """As Prometheus' `histogram_quantile` has it: evenly spread within a bucket, and the highest
    finite bound for what lies above it. None where nothing was counted."""
    total = buckets[-1][1] if buckets else 0.0
    if not total or isnan(total):
        return None
    rank, lower, below = share * total, 0.0, 0.0
    for bound, counted in buckets:
        if counted >= rank:
            if bound == inf:
                return lower
            return lower + (bound - lower) * (rank - below) / max(counted - below, 1e-9)
        lower, below = bound, counted
    return lower


class History:
    """The last snapshots, oldest first; a bounded number of them."""

    def __init__(self, most: int) -> None:
        self._snapshots: deque[Snapshot] = deque(maxlen=most)
        self._lock = Lock()

    def add(self, taken: Snapshot) -> None:
        with self._lock:
            self._snapshots.append(taken)

    def before(self, moment: float) -> Snapshot | None:
        """The last one at least as old as `moment`, else the first; None when there is none."""
        with self._lock:
            older = [taken for taken in self._snapshots if taken.at <= moment]
            if older:
                return older[-1]
            return self._snapshots[0] if self._snapshots else None
