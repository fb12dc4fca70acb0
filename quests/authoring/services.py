"""Every write to quests and seasons. A quest is saved as a whole document, under a new version."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import User
from monitoring.postgresql.retries import retried
from monitoring.wire.problems import Problem
from quests import audit, outbox
from quests.authoring import references
from quests.authoring.document import document_of, read
from quests.completions import quota
from quests.models import (
    Completion,
    Evidence,
    OutboxEvent,
    Quest,
    QuestVersion,
    Requirement,
    Season,
)

_KEEP_RANKS = """
INSERT INTO quests_seasonrank (season_id, player_id, rank, xp, completions)
SELECT board, player_id, row_number() OVER (ORDER BY xp * -1, last_entry), xp, completions
FROM quests_standing WHERE board = %s
"""


@retried
def create_quest(*, document: Mapping[str, Any], actor: User, alone: bool = True) -> Quest:
    """A ValidationError tells what is wrong; Problem (409) `quest_number_taken`.

    Not `alone`: quests that it builds on may still come, and the caller looks at the references
    when they are there.
    """
    fields = read(document)
    steps = fields.pop("steps")
    number = fields.pop("number", None) or _next_number()
    _refuse_closed_season(fields["season"])
    try:
        with transaction.atomic():
            quest = Quest.objects.create(number=number, **fields)
    except IntegrityError as error:
        if "quests_quest_number" not in str(error):
            raise
        detail = f"There is a quest {number} already."
        raise Problem("quest_number_taken", detail, status=409) from None
    saved = _settle(quest, steps, actor, "quest.created")
    if alone:
        refuse_unplayable(saved)
    return saved


@retried
def update_quest(
    *,
    quest: Quest,
    document: Mapping[str, Any],
    actor: User,
    expected_version: int | None = None,
    alone: bool = True,
) -> Quest:
    """Replace the whole quest by the document; without a change there is no new version.

    Problems: `version_stale` (412) when somebody else changed it since `expected_version`;
    `quota_too_small`, `season_fixed`, `step_answered` (409). Completions in flight finish under
    the version they began with, or begin again. `alone` as for `create_quest`.
    """
    quest = Quest.objects.select_for_update().get(pk=quest.pk)
    if expected_version is not None and quest.version != expected_version:
        raise _stale(quest.version)
    before = document_of(quest)
    fields = read(document)
    steps = fields.pop("steps")
    if fields.pop("number", quest.number) != quest.number:
        raise Problem("quest_number_fixed", "A quest keeps its number.", status=409)
    if fields["season"] != quest.season:
        _refuse_moving(quest, fields["season"])
    for name, value in fields.items():
        setattr(quest, name, value)
    quest.version += 1
    quest.save()
    saved = _settle(quest, steps, actor, "quest.changed")
    if alone:
        refuse_unplayable(saved)
    if document_of(saved) == before:
        transaction.set_rollback(True)
        saved.version -= 1
    return saved


def refuse_unplayable(quest: Quest) -> None:
    """A draft may name quests that are still to be written."""
    if quest.status != Quest.Status.DRAFT:
        references.refuse_broken(quest)


def change_status(*, quest: Quest, status: Quest.Status, actor: User) -> Quest:
    return update_quest(
        quest=quest, document=document_of(quest) | {"status": status.value}, actor=actor
    )


@transaction.atomic
def delete_draft(*, quest: Quest, actor: User) -> None:
    """Problem (409) `quest_not_draft`: what players have seen is closed, not deleted."""
    quest = Quest.objects.select_for_update().get(pk=quest.pk)
    if quest.status != Quest.Status.DRAFT or quest.completions.exists() or quest.evidence.exists():
        detail = "Only a draft that nobody has played can be deleted. Close it instead."
        raise Problem("quest_not_draft", detail, status=409)
    audit.record(actor=actor, action="quest.deleted", subject=f"quest {quest.number}")
    quota.resize(quest.pk, None)
    quest.delete()


@retried
def close_season(*, season: Season, actor: User | None, reason: str = "") -> Season:
    """Its ranks stand as they are now. Whoever is completing a quest of it is waited for; XP from
    then on, and corrections of old XP, count on the overall board alone. Twice changes nothing."""
    season = Season.objects.select_for_update().get(pk=season.pk)
    if season.closed_at:
        return season
    season.closed_at = timezone.now()
    season.save(update_fields=["closed_at"])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # a million ranks take their time
        cursor.execute(_KEEP_RANKS, [season.pk])
        ranked = cursor.rowcount
    payload = {"season": season.slug, "name": season.name, "players": ranked}
    outbox.announce(kind=OutboxEvent.Kind.SEASON_CLOSED, payload=payload)
    subject = f"season {season.slug}"
    audit.record(actor=actor, action="season.closed", subject=subject, reason=reason)
    return season


def close_ended_seasons() -> int:
    """Those whose end has come; how many."""
    ended = Season.objects.filter(closed_at=None, ends_at__lte=timezone.now())
    return sum(bool(close_season(season=season, actor=None).closed_at) for season in ended)


def _settle(quest: Quest, steps: list[dict[str, Any]], actor: User, action: str) -> Quest:
    """The steps, the places, the version's row and the audit row."""
    _save_steps(quest, steps)
    if quest.status != Quest.Status.DRAFT and not quota.resize(quest.pk, quest.quota):
        detail = "More players than that have completed this quest already."
        raise Problem("quota_too_small", detail, status=409)
    quest = Quest.objects.select_related("season").get(pk=quest.pk)
    QuestVersion.objects.create(
        quest=quest, version=quest.version, definition=document_of(quest), changed_by=actor
    )
    subject = f"quest {quest.number}"
    audit.record(actor=actor, action=action, subject=subject, version=quest.version)
    return quest


def _save_steps(quest: Quest, steps: list[dict[str, Any]]) -> None:
    gone = quest.requirements.exclude(key__in=[step["id"] for step in steps])
    if quest.status == Quest.Status.PUBLISHED:
        _refuse_losing_answers(quest, list(gone.values_list("key", flat=True)))
    gone.delete()
    for position, step in enumerate(steps):
        Requirement.objects.update_or_create(
            quest=quest,
            key=step["id"],
            defaults={
                "position": position,
                "kind": step["kind"],
                "title": step["title"],
                "config": step["config"],
                "is_ordered": step["ordered"],
                "within_seconds": step["within_seconds"],
            },
        )


def _refuse_losing_answers(quest: Quest, keys: list[str]) -> None:
    """A step under another id is another step: what players did at the old one would count for
    nothing."""
    waiting = Evidence.objects.filter(quest=quest, step__in=keys, completion=None)
    waiting = waiting.exclude(state=Evidence.State.REJECTED)
    if (first := waiting.order_by("step").first()) is not None:
        players = waiting.filter(step=first.step).values("player").distinct().count()
        detail = (
            f"Step “{first.step}” holds what has been done and not yet paid for"
            f" (players: {players}). Keep its id, or close the quest first."
        )
        raise Problem("step_answered", detail, status=409, step=first.step, players=players)


def _next_number() -> int:
    """The unique constraint judges; two who ask at once may collide, and one is told so."""
    return (Quest.objects.aggregate(last=Max("number"))["last"] or 0) + 1


def _refuse_moving(quest: Quest, season: Season | None) -> None:
    _refuse_closed_season(season)
    if Completion.objects.filter(quest=quest).exists():
        detail = "This quest has been completed in its season, and stays there."
        raise Problem("season_fixed", detail, status=409)


def _refuse_closed_season(season: Season | None) -> None:
    if season and season.closed_at:
        raise Problem("season_closed", "This season is closed.", status=409)


def _stale(version: int) -> Problem:
    detail = "Somebody else has changed this quest. Look at it again."
    return Problem("version_stale", detail, status=412, version=version)
