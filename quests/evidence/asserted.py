"""Facts that a trusted service asserts about a player."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from accounts.selectors import find_wallet
from monitoring.wire.problems import Problem
from quests.definitions import find_definition
from quests.models import Evidence
from quests.requirements import judging
from quests.requirements.base import Fact, Place
from quests.requirements.trusted import TrustedEvidence

# How far ahead of ours the clock of a service may be.
MAX_SKEW = timedelta(minutes=5)
OLDEST = timedelta(days=366)


@transaction.atomic
def assert_fact(
    *,
    asserted_by: User,
    quest_number: int,
    requirement: str,
    wallet_address: str,
    source_id: str,
    occurred_at: datetime,
    payload: dict[str, Any],
) -> tuple[Evidence, bool]:
    """(evidence, whether it is new). The same `source_id` for the same step is the same fact.

    Problems: `quest_not_found`, `step_unknown`, `player_unknown` (404), `step_not_asserted`,
    `source_taken` (409), `occurred_in_future`, `occurred_too_long_ago` (400).
    """
    quest = find_definition(quest_number)
    step = quest.step(requirement)
    if step.kind != TrustedEvidence.name:
        raise Problem("step_not_asserted", "This step takes no such evidence.", status=409)
    now = timezone.now()
    if occurred_at > now + MAX_SKEW:
        raise Problem("occurred_in_future", "This has not happened yet.", status=400)
    if occurred_at < now - OLDEST:
        detail = f"This was more than {OLDEST.days} days ago."
        raise Problem("occurred_too_long_ago", detail, status=400)
    wallet = find_wallet(wallet_address)
    if wallet is None:
        raise Problem("player_unknown", "Nobody here has this wallet.", status=404)
    place = Place(wallet.user, quest, step, quest.period(occurred_at), now)
    fact = Fact(source_id, occurred_at, payload | {"assertedBy": asserted_by.username})
    return _keep(place, fact)


def _keep(place: Place, fact: Fact) -> tuple[Evidence, bool]:
    """The lock is on the fact's name: asserted of two players at once, it is still of one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"evidence {place.quest.id} {place.step.key} {fact.source_id}"],
        )
    same = Evidence.objects.filter(
        quest=place.quest.id, step=place.step.key, kind=place.step.kind, source_id=fact.source_id
    )
    known = same.select_related("quest").first()
    if known is None:
        judging.record(place, [fact])
        return same.select_related("quest").get(), True
    if known.player_id != place.player.pk:
        detail = "This fact was asserted of another player."
        raise Problem("source_taken", detail, status=409)
    return known, False
