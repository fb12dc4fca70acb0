"""A quest's statistics: how far people came, and what kept them."""

from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from monitoring.overview import Chart, Line, drawn
from quests.admin.pages import render_page
from quests.models import Quest
from quests.requirements.registry import kinds
from quests.statistics import DAYS, QuestStatistics, statistics_of

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


class Stage(NamedTuple):
    """A line of the funnel; `percent` is of those who started."""

    title: str
    people: int
    percent: int


def statistics_page(request: HttpRequest, model_admin: Any, quest: Quest) -> HttpResponse:
    found = statistics_of(quest.pk)
    titles = {kind.name: kind.title for kind in kinds().values()}
    return render_page(
        request, model_admin, "statistics", f"Statistics of {quest}", quest=quest, found=found,
        stages=_stages(found), median=_duration(found.median_seconds), chart=_chart(found),
        steps=[(step, titles.get(step.kind, step.kind)) for step in found.steps],
        completions=reverse("admin:quests_completion_changelist"),
    )  # fmt: skip


def _stages(found: QuestStatistics) -> list[Stage]:
    counts = [
        ("Started", found.started),
        *((step.title, step.met) for step in found.steps),
        ("Completed", found.completed),
    ]
    # A quest can be completed at once, without having been started.
    whole = max(found.started, found.completed, 1)
    return [Stage(title, count, min(100, round(100 * count / whole))) for title, count in counts]


def _chart(found: QuestStatistics) -> dict[str, Any]:
    labels = [f"{day.day} {day:%b}" for day, _ in found.days]
    lines = [Line("Completions", [count for _, count in found.days])]
    return drawn(Chart(f"Completions a day, {DAYS} days", "", "", "bar", labels, lines))


def _duration(seconds: float | None) -> str:
    """As two units at most; "" when it is not known."""
    if seconds is None:
        return ""
    if seconds < _UNITS[-1][0]:
        return f"{seconds:.0f} s" if seconds >= 1 else "a second"
    size, name = next((size, name) for size, name in _UNITS if seconds >= size)
    return f"{seconds / size:.1f} {name}"
