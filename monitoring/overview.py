"""What stands on the operators' first page. Each app gives its own figures and charts; here are
what they are made of, and those of the service itself."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.timesince import timesince
from redis.exceptions import RedisError

from monitoring.backups import records
from monitoring.backups.health import check_backups
from monitoring.health.background import MOST_WAITING, check_beat, check_workers, waiting_tasks
from monitoring.health.report import Check, Status
from monitoring.maintenance import notice
from monitoring.proofs import last_proofs

REDIS_AWAY = "Redis does not answer."
UNKNOWN = "?"
_WATCH = "monitoring.view_livefigures"
_LIVE = "admin:operations"
# As the legend's classes of admin.css.
_COLOURS = ("var(--color-primary-500)", "var(--color-orange-500)")


class Figure(NamedTuple):
    """A number as people read it. `permission` is that of `page`, which it leads to: who may not
    see the one is not told the other. `tone` is "", "good", "warn" or "bad"."""

    title: str
    value: str
    permission: str
    page: str
    query: str = ""
    note: str = ""
    tone: str = ""


class Line(NamedTuple):
    label: str
    values: list[int]


class Chart(NamedTuple):
    """`kind` is "bar", then its lines stand upon each other, or "line"."""

    title: str
    permission: str
    page: str
    kind: str
    labels: list[str]
    lines: list[Line]


class Source(NamedTuple):
    """Asked only for who has one of these permissions."""

    permissions: tuple[str, ...]
    read: Callable[[], Any]


def drawn(chart: Chart) -> dict[str, Any]:
    """As unfold's script wants it, which draws every canvas of the class `chart`."""
    datasets = [
        {
            "label": line.label, "data": line.values, "backgroundColor": colour,
            "borderColor": colour, "maxBarThickness": 18, "stack": "all", "displayYAxis": True,
            "maxTicksXLimit": 7, "borderRadius": 2, "tension": 0.2,
        }
        for line, colour in zip(chart.lines, _COLOURS, strict=False)
    ]  # fmt: skip
    said = ", ".join(f"{line.label}: {', '.join(map(str, line.values))}" for line in chart.lines)
    return {
        **chart._asdict(),
        "address": reverse(chart.page) if chart.page else "",
        "data": json.dumps({"labels": chart.labels, "datasets": datasets}),
        "said": f"{chart.title}. {said}.",
    }


def service_figures() -> list[Figure]:
    try:
        waiting, beat, workers = waiting_tasks(), check_beat(), check_workers()
        proofs, backup = _proofs(), _backup()
    except (RedisError, OSError):
        names = ("Beat", "Workers", "Tasks waiting", "Last proof", "Last backup")
        return [_figure(name, UNKNOWN, note=REDIS_AWAY, tone="warn") for name in names]
    tone = "warn" if waiting > MOST_WAITING else ""
    return [
        _sign_of_life("Beat", beat),
        _sign_of_life("Workers", workers),
        _figure("Tasks waiting", f"{waiting:,}", tone=tone),
        proofs,
        backup,
    ]


def maintenance_figures() -> list[Figure]:
    now = notice.current()
    return [
        Figure(
            "Maintenance", "on" if now.is_on else "off", "monitoring.view_maintenance",
            "admin:monitoring_maintenance_changelist", note=now.message if now.is_on else "",
            tone="warn" if now.is_on else "",
        )
    ]  # fmt: skip


def _sign_of_life(name: str, found: Check) -> Figure:
    if found.status is Status.HEALTHY:
        age = next(iter(found.details.values()))
        return _figure(name, "alive", note=f"{age:.0f} s ago", tone="good")
    note = f"{next(iter(found.details.values()))}"
    return _figure(name, "silent", note=note if "e" in note else f"for {note} s", tone="bad")


def _proofs() -> Figure:
    """The worst of what the three last said, and the age of the oldest."""
    found = last_proofs()
    if not found:
        return _figure("Last proof", "none yet", note="Beat proves the numbers every night.")
    differences = sum(proof.differences for proof in found.values())
    oldest = min(proof.at for proof in found.values())
    parts = ", ".join(f"{name} {proof.differences or '✓'}" for name, proof in found.items())
    value = f"{differences:,} wrong" if differences else "all equal"
    note = f"{parts}; {timesince(oldest, depth=1)} ago"
    return _figure("Last proof", value, note=note, tone="bad" if differences else "good")


def _backup() -> Figure:
    found, newest = check_backups(), records.newest()
    if newest is None:
        note = "" if found.details["enabled"] else "BACKUP_INTERVAL_HOURS is 0."
        return _figure("Last backup", "none yet", note=note, tone=_tone(found))
    drill = records.last_drill()
    tried = f"restored for a trial {timesince(drill.at, depth=1)} ago" if drill else "never tried"
    value = f"{timesince(newest.at, depth=1)} ago"
    return _figure(
        "Last backup", value, note=f"{filesizeformat(newest.size)}, {tried}", tone=_tone(found)
    )


def _tone(found: Check) -> str:
    return "" if found.status is Status.HEALTHY else "bad"


def _figure(title: str, value: str, *, note: str = "", tone: str = "") -> Figure:
    return Figure(title, value, _WATCH, _LIVE, note=note, tone=tone)


SOURCES = (
    Source(("monitoring.view_maintenance",), maintenance_figures),
    Source((_WATCH,), service_figures),
)
