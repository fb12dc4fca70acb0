"""A quest as the completion road needs it: read once, kept for moments, never believed blindly.

The statement that pays names the version, and pays nothing when the quest has changed since; then
the definition is read anew. Answers are judged by one that was read for them.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models.signals import post_save

from monitoring.wire.problems import Problem
from quests import periods
from quests.models import Quest, QuestVersion, Requirement

KEPT_SECONDS = 2.0
_MOST_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Step:
    key: str
    kind: str
    title: str
    config: dict[str, Any] = field(repr=False)
    # Only what happens after the step before it counts, and what begins soon enough.
    is_ordered: bool = False
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class QuestDefinition:
    id: int
    number: int
    version: int
    title: str
    category: str
    xp_reward: int
    status: str
    starts_at: datetime | None
    ends_at: datetime | None
    quota: int | None
    recurrence: str
    period_zone: str
    cooldown: timedelta | None
    prerequisites: dict[str, Any]
    is_held: bool
    season_id: int | None
    announce_room: str
    steps: tuple[Step, ...]

    def period(self, at: datetime) -> str:
        return periods.period_of(self.recurrence, self.period_zone, at)

    def step(self, key: str) -> Step:
        """Problem `step_unknown` (404)."""
        for step in self.steps:
            if step.key == key:
                return step
        raise Problem("step_unknown", "This quest has no such step.", status=404)

    def refuse_closed(self, at: datetime) -> None:
        """Problem (409) `quest_closed`, `quest_not_started` or `quest_ended`."""
        if self.status == Quest.Status.CLOSED:
            raise Problem("quest_closed", "This quest is closed.", status=409)
        if self.starts_at and at < self.starts_at:
            raise Problem("quest_not_started", "This quest has not started yet.", status=409)
        if self.ends_at and at >= self.ends_at:
            raise Problem("quest_ended", "This quest has ended.", status=409)


_kept: dict[int, tuple[float, QuestDefinition]] = {}


def find_definition(number: int, *, fresh: bool = False) -> QuestDefinition:
    """Of a quest that players may see. Problem `quest_not_found` (404) for a draft as for none."""
    kept = _kept.get(number)
    if kept and not fresh and time.monotonic() < kept[0]:
        return kept[1]
    definition = _read(number)
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    _kept[number] = (time.monotonic() + KEPT_SECONDS, definition)
    return definition


def definition_of(quest: Quest) -> QuestDefinition:
    steps = tuple(
        Step(
            row.key,
            row.kind,
            row.title,
            row.config,
            row.is_ordered,
            timedelta(seconds=row.within_seconds) if row.within_seconds else None,
        )
        for row in quest.requirements.all()
    )
    return QuestDefinition(
        id=quest.pk,
        number=quest.number,
        version=quest.version,
        title=quest.title,
        category=quest.category,
        xp_reward=quest.xp_reward,
        status=quest.status,
        starts_at=quest.starts_at,
        ends_at=quest.ends_at,
        quota=quest.quota,
        recurrence=quest.recurrence,
        period_zone=quest.period_zone,
        cooldown=timedelta(seconds=quest.cooldown_seconds) if quest.cooldown_seconds else None,
        prerequisites=quest.prerequisites,
        is_held=quest.hold_completions,
        season_id=quest.season_id,
        announce_room=quest.announce_room,
        steps=steps,
    )


def definition_at(quest: Quest, version: int) -> QuestDefinition:
    """With the steps that it had in this version; else as it is now."""
    now = definition_of(quest)
    kept = QuestVersion.objects.filter(quest=quest, version=version).first()
    if kept is None or version == now.version:
        return now
    steps = tuple(_step_as_written(step) for step in kept.definition["steps"])
    return replace(now, version=version, steps=steps)


def _step_as_written(step: Mapping[str, Any]) -> Step:
    """A step of a quest's document (quests.authoring.document)."""
    gap = step.get("withinSeconds")
    within = timedelta(seconds=gap) if gap else None
    is_ordered = step.get("ordered", False)
    return Step(step["id"], step["kind"], step["title"], step["config"], is_ordered, within)


def _read(number: int) -> QuestDefinition:
    quest = (
        Quest.objects.exclude(status=Quest.Status.DRAFT)
        .prefetch_related("requirements")
        .filter(number=number)
        .first()
    )
    if quest is None:
        raise Problem("quest_not_found", "There is no such quest.", status=404)
    return definition_of(quest)


def _forget(**_: Any) -> None:
    """In this process at once; the others notice by the version."""
    _kept.clear()


for _model in (Quest, Requirement):
    post_save.connect(_forget, sender=_model, dispatch_uid=f"quests.definitions.{_model.__name__}")
