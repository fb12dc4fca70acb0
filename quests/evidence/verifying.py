"""From a fact to XP: the evidence is written down, and what is complete by it is paid.

Idempotent: evidence by its source, a completion by its key. Run twice, at once or years later, the
same facts are the same evidence and one completion.
"""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from accounts.models import User
from monitoring.postgresql.retries import retried
from monitoring.wire.problems import Problem
from quests import live
from quests.completions.completing import complete_quest
from quests.definitions import QuestDefinition, find_definition
from quests.models import Quest, Requirement
from quests.requirements import judging
from quests.requirements.judging import Judged, Verdict
from quests.requirements.observed import Observed, OpenAttempt
from quests.requirements.registry import kind_of

log = structlog.get_logger(__name__)

_ASKED_SECONDS = 2.0
_asked: tuple[float, frozenset[str]] = (0.0, frozenset())


def verify(kind: str, ids: Sequence[Any]) -> int:
    """Look at the quests that these facts may decide. Returns how many were completed."""
    return settle_all(observed(kind).concerned(ids))


def observed(kind: str) -> Observed:
    """ValueError for a kind that the house does not see."""
    found = kind_of(kind)
    if not isinstance(found, Observed):
        raise ValueError(f"Nobody announces facts of the kind “{kind}”.")  # noqa: TRY004 - of a value
    return found


def asked_kinds() -> frozenset[str]:
    """Those that some quest asks for which players have seen; most services have few."""
    global _asked  # noqa: PLW0603 - of the whole process
    if time.monotonic() > _asked[0]:
        seen = Requirement.objects.exclude(quest__status=Quest.Status.DRAFT)
        names = frozenset(seen.values_list("kind", flat=True).distinct())
        _asked = (time.monotonic() + _ASKED_SECONDS, names)
    return _asked[1]


def settle_all(attempts: Sequence[OpenAttempt]) -> int:
    """Each by itself: what stands in the way of one player is nothing to the others. A database
    that is away is in the way of all."""
    players = User.objects.in_bulk([attempt.player_id for attempt in attempts]) if attempts else {}
    return sum(
        _settle_alone(players[attempt.player_id], attempt)
        for attempt in attempts
        if attempt.player_id in players
    )


def _settle_alone(player: User, attempt: OpenAttempt) -> bool:
    try:
        return settle(player=player, number=attempt.number, period=attempt.period)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("quest_not_settled", quest=attempt.number, player=player.pk)
        return False


def settle(*, player: User, number: int, period: str | None = None) -> bool:
    """Whether the quest is complete by this. Nothing happens when `period` is over."""
    try:
        return _settle(player, number, period)
    except Problem as problem:
        # Not open, cooling down, sold out: "why" tells the player, and the evidence stays.
        log.info("quest_not_settled", quest=number, player=player.pk, code=problem.code)
        return False


@retried
def _settle(player: User, number: int, period: str | None) -> bool:
    quest = find_definition(number)
    now_period = quest.period(timezone.now())
    if not player.is_active or (period is not None and period != now_period):
        return False
    found = judging.judge(player, quest, now_period)
    if all(verdict.judgement.is_met for verdict in found):
        judged = Judged(quest.version, now_period, judging.used_by(found))
        return _complete(player, number, judged)
    _prompt(player, quest, now_period, found)
    live.announce_progress_after_commit(player, quest, found)
    return False


def _complete(player: User, number: int, judged: Judged) -> bool:
    """In a savepoint: the evidence stays when the completion is refused."""
    try:
        with transaction.atomic():
            complete_quest(player=player, number=number, judged=judged)
    except Problem as problem:
        if problem.code != "quest_already_completed":
            log.info("quest_not_settled", quest=number, player=player.pk, code=problem.code)
        return False
    return True


def _prompt(player: User, quest: QuestDefinition, period: str, found: Sequence[Verdict]) -> None:
    """What an open step asks of her, she is asked."""
    kinds = {verdict.step.key: kind_of(verdict.step.kind) for verdict in found}
    unmet = {verdict.step.key for verdict in found if not verdict.judgement.is_met}
    for place in judging.places(player, quest, period):
        kind = kinds[place.step.key]
        if place.step.key in unmet and isinstance(kind, Observed):
            kind.prompt(place)
