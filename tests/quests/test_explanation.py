"""Why somebody did, or did not, complete a quest."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from quests import reviews
from quests.completions.completing import complete_quest
from quests.completions.correcting import hold_completion
from quests.definitions import definition_of
from quests.explanation import Explanation, explain
from quests.models import Completion, Evidence, Quest
from quests.progress import submit_step
from tests.quests.conftest import CODE, PROOF, QUIZ, QUIZ_RIGHT, TRUSTED, MakeQuest

pytestmark = pytest.mark.django_db


def why(player: User, quest: Quest) -> Explanation:
    return explain(player, definition_of(quest))


def codes(explanation: Explanation) -> list[str]:
    return [obstacle.code for obstacle in explanation.obstacles]


def test_each_step_says_what_was_seen_what_counts_and_what_is_missing(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    visits = TRUSTED | {"config": {"count": 3}}
    quest = make_quest(QUIZ, CODE, PROOF, visits)
    submit_step(player=alice, number=quest.number, key="quiz", answer=QUIZ_RIGHT)
    submit_step(player=alice, number=quest.number, key="code", answer="wrong")
    submit_step(player=alice, number=quest.number, key="proof", answer={"text": "Look"})

    quiz, code, proof, visit = why(alice, quest).steps

    assert (quiz.is_met, quiz.seen, quiz.needed, quiz.missing) == (True, 1, 1, "")
    assert [seen.is_counted for seen in quiz.evidence] == [True]
    assert (code.is_met, code.missing) == (False, "Nothing right was sent in.")
    assert code.tries
    assert (code.tries.wrong, code.tries.is_exhausted) == (1, False)
    assert proof.missing == "What was sent in waits for a review."
    assert [seen.is_counted for seen in proof.evidence] == [False]
    assert (visit.seen, visit.needed, visit.missing) == (0, 3, "3 more, of 3.")

    evidence = Evidence.objects.get(step="proof")
    reviews.reject(evidence=evidence, actor=operator, note="Too dark.")
    assert why(alice, quest).steps[2].missing.startswith("What was sent in was rejected")


def test_what_stands_in_the_way_comes_in_the_order_of_a_completion(
    alice: User, make_quest: MakeQuest
) -> None:
    quest = make_quest(
        CODE,
        quota=1,
        startsAt=timezone.now() + timedelta(hours=1),
        prerequisites={"xp": 500},
    )
    quest.slots.all().delete()

    assert codes(why(alice, quest)) == [
        "quest_not_started",
        "prerequisites_missing",
        "requirements_missing",
        "quota_exhausted",
    ]
    assert codes(why(alice, make_quest(status="draft"))) == ["quest_not_found"]
    assert codes(why(alice, make_quest(status="closed"))) == ["quest_closed"]


def test_nothing_stands_in_the_way_of_a_completion_that_is_then_made(
    alice: User, make_quest: MakeQuest
) -> None:
    quest = make_quest(QUIZ, quota=2)
    submit_step(player=alice, number=quest.number, key="quiz", answer=QUIZ_RIGHT)
    before = why(alice, quest)
    assert before.can_complete
    assert before.started_at
    assert before.places
    assert (before.places.left, before.places.total) == (2, 2)

    complete_quest(player=alice, number=quest.number)

    after = why(alice, quest)
    assert codes(after) == ["quest_already_completed"]
    assert after.completion == Completion.objects.get()
    assert after.steps[0].is_met
    assert [seen.is_counted for seen in after.steps[0].evidence] == [True]
    assert after.places
    assert after.places.left == 1


def test_a_held_completion_says_so(alice: User, operator: User, make_quest: MakeQuest) -> None:
    quest = make_quest()
    complete_quest(player=alice, number=quest.number)
    hold_completion(completion=Completion.objects.get(), reason="Too fast.", actor=operator)

    (obstacle,) = why(alice, quest).obstacles
    assert obstacle.text == "It is completed already, and held for review."


def test_prerequisites_are_an_outline_in_which_a_not_is_read_as_one(
    alice: User, make_quest: MakeQuest
) -> None:
    first = make_quest(title="First")
    make_quest(number=99, title="Another")
    complete_quest(player=alice, number=first.number)
    quest = make_quest(
        prerequisites={
            "all": [
                {"quest": first.number},
                {"not": {"quest": 99}},
                {"any": [{"level": 5}, {"xp": 10}]},
                {"not": {"all": [{"achievement": "oak"}]}},
            ]
        }
    )
    assert [(line.depth, line.text, line.is_met) for line in why(alice, quest).prerequisites] == [
        (0, "all of these", True),
        (1, f"quest {first.number} completed", True),
        (1, "not: quest 99 completed", True),
        (1, "any of these", True),
        (2, "level 5", False),
        (2, "10 XP", True),
        (1, "not: all of these", True),
        (2, "achievement “oak”", False),
    ]


def test_a_repeating_quest_says_until_when_it_cools_down(
    alice: User, make_quest: MakeQuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    quest = make_quest(recurrence="daily", cooldownSeconds=3600)
    late = timezone.datetime.fromisoformat("2031-05-01T23:59:00+00:00")
    monkeypatch.setattr("django.utils.timezone.now", lambda: late)
    complete_quest(player=alice, number=quest.number)
    monkeypatch.setattr("django.utils.timezone.now", lambda: late + timedelta(minutes=2))

    explanation = why(alice, quest)

    assert (explanation.period, codes(explanation)) == ("2031-05-02", ["cooling_down"])
    assert explanation.cooling_until == late + timedelta(hours=1)
