"""However many ask at once, a quest is completed once, and everybody else is told the same."""

from typing import Any

import pytest
from django.db.models import Sum

from accounts.models import User
from monitoring.wire.problems import Problem
from quests.completions.completing import Result, complete_quest
from quests.models import Completion, LedgerEntry, OutboxEvent, QuotaSlot, Standing
from quests.progress import submit_step
from tests.quests.conftest import QUIZ, QUIZ_RIGHT, MakeQuest, assert_reconciled
from tests.together import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

ASKING = 64


def race(player: User, number: int) -> tuple[Result, list[Problem]]:
    """The one that won, and what all others were told."""
    with together(ASKING) as run:
        outcomes: list[Any] = run(lambda _: complete_quest(player=player, number=number))
    won = [outcome for outcome in outcomes if isinstance(outcome, Result)]
    assert len(won) == 1, outcomes
    return won[0], [outcome for outcome in outcomes if outcome is not won[0]]


def assert_told_the_same(won: Result, lost: list[Problem]) -> None:
    assert [getattr(problem, "code", problem) for problem in lost] == [
        "quest_already_completed"
    ] * (ASKING - 1)
    first = lost[0].extra["firstResult"]
    assert [problem.extra["firstResult"] for problem in lost] == [first] * (ASKING - 1)
    assert (first["completionId"], first["xpEarned"], first["totalXP"]) == (
        str(won.public_id),
        won.xp_earned,
        won.total_xp,
    )


def assert_paid_once(player: User, *, quests: int, xp: int) -> None:
    assert Completion.objects.filter(player=player).count() == quests
    assert LedgerEntry.objects.filter(player=player).count() == quests
    assert LedgerEntry.objects.filter(player=player).aggregate(xp=Sum("amount")) == {"xp": xp}
    assert OutboxEvent.objects.filter(kind="quest.completed", player=player).count() == quests
    standing = Standing.objects.get(board=0, player=player)
    assert (standing.xp, standing.completions) == (xp, quests)


def test_of_64_at_once_one_completes_round_after_round(
    alice: User, make_quest: MakeQuest, long_form: bool
) -> None:
    rounds = 50 if long_form else 3

    for done in range(1, rounds + 1):
        won, lost = race(alice, make_quest().number)
        assert_told_the_same(won, lost)
        assert_paid_once(alice, quests=done, xp=10 * done)

    assert_reconciled()


@pytest.mark.parametrize("more", [{}, {"recurrence": "weekly", "cooldownSeconds": 3600}])
def test_of_64_at_once_one_completes_whatever_else_the_quest_asks(
    alice: User, make_quest: MakeQuest, long_form: bool, more: dict[str, Any]
) -> None:
    """Evidence, prerequisites, a quota, a cool-down: the long way, which asks before it tries."""
    rounds, first = 20 if long_form else 2, make_quest()
    complete_quest(player=alice, number=first.number)

    for done in range(1, rounds + 1):
        quest = make_quest(QUIZ, prerequisites={"quest": first.number}, quota=2, **more)
        submit_step(player=alice, number=quest.number, key="quiz", answer=QUIZ_RIGHT)
        won, lost = race(alice, quest.number)
        assert_told_the_same(won, lost)
        assert_paid_once(alice, quests=done + 1, xp=10 * (done + 1))
        assert QuotaSlot.objects.filter(quest=quest, completion=None).count() == 1

    assert_reconciled()
