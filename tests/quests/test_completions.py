"""A completion happens once, pays once, and counts everywhere or nowhere."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from accounts.models import User
from monitoring.wire.problems import Problem
from quests import achievements
from quests.authoring.document import document_of
from quests.authoring.services import change_status, close_season, update_quest
from quests.completions.completing import complete_quest
from quests.completions.correcting import award, reverse_entry
from quests.models import Achievement, Completion, LedgerEntry, OutboxEvent, Quest, Season, Standing
from quests.progress import submit_step
from tests.quests.conftest import QUIZ, QUIZ_RIGHT, MakeQuest, assert_reconciled
from tests.together import together

pytestmark = pytest.mark.django_db


def test_a_completion_pays_once_and_counts_on_the_board(alice: User, make_quest: MakeQuest) -> None:
    quest = make_quest()

    result = complete_quest(player=alice, number=quest.number)

    assert (result.xp_earned, result.total_xp) == (10, 10)
    standing = Standing.objects.get(player=alice)
    assert (standing.board, standing.xp, standing.completions) == (0, 10, 1)
    entry = LedgerEntry.objects.get(player=alice)
    assert (entry.amount, entry.kind, entry.completion_id) == (
        10,
        "completion",
        result.completion_id,
    )
    event = OutboxEvent.objects.get()
    assert (event.kind, event.player, event.payload["xpEarned"]) == ("quest.completed", alice, 10)


def test_a_second_time_is_refused_with_the_first_result(alice: User, make_quest: MakeQuest) -> None:
    first = complete_quest(player=alice, number=make_quest().number)
    complete_quest(player=alice, number=make_quest(title="Another").number)

    with pytest.raises(Problem) as refused:
        complete_quest(player=alice, number=first.quest.number)

    assert refused.value.code == "quest_already_completed"
    told = refused.value.extra["firstResult"]
    assert told["completionId"] == str(first.public_id)
    assert (told["xpEarned"], told["totalXP"]) == (10, 10)


def test_a_draft_is_not_there_and_a_closed_quest_is_closed(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    draft, closed = make_quest(status="draft"), make_quest()
    change_status(quest=closed, status=Quest.Status.CLOSED, actor=operator)

    for quest, code in ((draft, "quest_not_found"), (closed, "quest_closed")):
        with pytest.raises(Problem) as refused:
            complete_quest(player=alice, number=quest.number)
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("window", "code"),
    [
        ({"startsAt": timezone.now() + timedelta(hours=1)}, "quest_not_started"),
        ({"endsAt": timezone.now() - timedelta(hours=1)}, "quest_ended"),
    ],
)
def test_outside_of_its_window_a_quest_is_not_paid(
    alice: User, make_quest: MakeQuest, window: dict[str, object], code: str
) -> None:
    with pytest.raises(Problem) as refused:
        complete_quest(player=alice, number=make_quest(**window).number)

    assert refused.value.code == code


def test_an_edit_is_noticed_though_the_quest_was_read_before_it(
    alice: User, bob: User, operator: User, make_quest: MakeQuest
) -> None:
    quest = make_quest()
    complete_quest(player=bob, number=quest.number)
    # Past the signals that a save of this process sends: as another process would have done it.
    Quest.objects.filter(pk=quest.pk).update(xp_reward=25, version=2)

    result = complete_quest(player=alice, number=quest.number)

    assert result.xp_earned == 25
    assert Completion.objects.get(player=alice).quest_version == 2


def test_what_a_quest_builds_on_must_be_there(alice: User, make_quest: MakeQuest) -> None:
    first = make_quest()
    second = make_quest(prerequisites={"all": [{"quest": first.number}, {"xp": 10}]})

    with pytest.raises(Problem) as refused:
        complete_quest(player=alice, number=second.number)
    assert refused.value.code == "prerequisites_missing"
    assert refused.value.extra["missing"] == ["quest 1 completed", "10 XP"]

    complete_quest(player=alice, number=first.number)
    assert complete_quest(player=alice, number=second.number).total_xp == 20


def test_a_season_has_a_board_of_its_own(alice: User, make_quest: MakeQuest) -> None:
    season = Season.objects.create(slug="spring", name="Spring")
    complete_quest(player=alice, number=make_quest(season="spring").number)
    complete_quest(player=alice, number=make_quest().number)

    boards = dict(Standing.objects.filter(player=alice).values_list("board", "xp"))

    assert boards == {0: 20, season.pk: 10}


def test_a_held_quest_pays_nothing_yet(alice: User, make_quest: MakeQuest) -> None:
    result = complete_quest(player=alice, number=make_quest(holdCompletions=True).number)

    assert (result.is_held, result.xp_earned, result.total_xp) == (True, 0, 0)
    assert Completion.objects.get().status == "held"
    assert not LedgerEntry.objects.exists()


def test_a_daily_quest_is_paid_once_a_day_of_its_zone(
    alice: User, make_quest: MakeQuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    quest = make_quest(recurrence="daily", periodZone="Asia/Tokyo")
    at = "2031-05-01T14:59:00+00:00"  # a minute before midnight in Tokyo

    for minutes, period in ((0, "2031-05-01"), (1, "2031-05-02")):
        now = timezone.datetime.fromisoformat(at) + timedelta(minutes=minutes)
        monkeypatch.setattr("django.utils.timezone.now", lambda now=now: now)
        complete_quest(player=alice, number=quest.number)
        assert Completion.objects.latest("pk").period == period
        with pytest.raises(Problem):
            complete_quest(player=alice, number=quest.number)


def test_a_cool_down_keeps_two_periods_apart(
    alice: User, make_quest: MakeQuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    quest = make_quest(recurrence="daily", cooldownSeconds=3600)
    for minutes, code in ((0, ""), (2, "cooling_down"), (61, "")):
        now = timezone.datetime.fromisoformat("2031-05-01T23:59:00+00:00")
        monkeypatch.setattr(
            "django.utils.timezone.now", lambda now=now, m=minutes: now + timedelta(minutes=m)
        )
        if code:
            with pytest.raises(Problem) as refused:
                complete_quest(player=alice, number=quest.number)
            assert refused.value.code == code
        else:
            complete_quest(player=alice, number=quest.number)


def test_achievements_are_earned_when_their_threshold_is_crossed(
    alice: User, make_quest: MakeQuest
) -> None:
    for slug, metric, more in (
        ("ten", "xp", {"threshold": 10}),
        ("hundred", "xp", {"threshold": 100}),
        ("two", "completions", {"threshold": 2}),
        ("reader", "category", {"threshold": 2, "category": "reading"}),
        ("both", "quests", {"quests": [1, 2]}),
    ):
        Achievement.objects.create(slug=slug, name=slug, metric=metric, **more)
    quests = [make_quest(category="reading") for _ in range(3)]

    earned = [
        [
            Achievement.objects.get(pk=pk).slug
            for pk in complete_quest(player=alice, number=q.number).achievements
        ]
        for q in quests
    ]

    assert [sorted(slugs) for slugs in earned] == [["ten"], ["both", "reader", "two"], []]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(5))
def test_of_64_at_once_one_completes_and_all_others_are_told_its_result(
    alice: User, make_quest: MakeQuest, round_: int
) -> None:
    quest = make_quest()

    with together(64) as run:
        outcomes = run(lambda _: complete_quest(player=alice, number=quest.number))

    won = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(won) == 1, outcomes
    assert {problem.code for problem in lost} == {"quest_already_completed"}
    assert {p.extra["firstResult"]["completionId"] for p in lost} == {str(won[0].public_id)}
    assert LedgerEntry.objects.count() == OutboxEvent.objects.count() == 1
    assert Standing.objects.get().xp == 10
    assert_reconciled()


def test_a_stale_edit_is_refused(operator: User, make_quest: MakeQuest) -> None:
    quest = make_quest()
    document = document_of(quest) | {"title": "Newer"}
    update_quest(quest=quest, document=document, actor=operator, expected_version=1)

    with pytest.raises(Problem) as refused:
        update_quest(quest=quest, document=document, actor=operator, expected_version=1)

    assert (refused.value.code, refused.value.status_code) == ("version_stale", 412)
    assert [v.version for v in quest.versions.all()] == [2, 1]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"not": {"quest": 1}}, "A quest cannot build on itself."),
        ({"any": [{"xp": 5}, {"quest": 4}]}, "There is no quest 4."),
        ({"all": [{"level": 1}, {"quest": 3}]}, "Nobody could ever do this: 1 → 3 → 2 → 1."),
        ({"any": [{"quest": 2}, {"quest": 3}]}, None),
        ({"not": {"quest": 3}}, None),
    ],
)
def test_a_quest_that_nobody_could_ever_do_is_refused(
    operator: User, make_quest: MakeQuest, wanted: dict[str, Any], sentence: str | None
) -> None:
    first = make_quest()
    make_quest(prerequisites={"quest": 1})
    make_quest(prerequisites={"quest": 2})
    document = document_of(first) | {"prerequisites": wanted}
    if sentence is None:
        assert update_quest(quest=first, document=document, actor=operator).version == 2
        return
    with pytest.raises(ValidationError, match=sentence):
        update_quest(quest=first, document=document, actor=operator)
    first.refresh_from_db()
    assert first.version == 1
    draft = document | {"status": "draft"}
    assert update_quest(quest=first, document=draft, actor=operator).version == 2


def test_a_step_with_answers_keeps_its_id_while_the_quest_is_open(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    quest = make_quest(QUIZ)
    submit_step(player=alice, number=quest.number, key="quiz", answer=QUIZ_RIGHT)
    document = document_of(quest) | {"steps": [QUIZ | {"id": "renamed"}]}
    with pytest.raises(Problem, match="players: 1") as refused:
        update_quest(quest=quest, document=document, actor=operator)
    assert refused.value.code == "step_answered"

    closed = document | {"status": "closed"}
    assert update_quest(quest=quest, document=closed, actor=operator).version == 2


@pytest.mark.parametrize(
    "more",
    [{"quota": 1}, {"recurrence": "daily", "cooldownSeconds": 60}, {"steps": [QUIZ]}],
)
def test_who_has_a_quest_is_told_so_first_whatever_else_stands_in_the_way(
    alice: User, operator: User, make_quest: MakeQuest, more: dict[str, Any]
) -> None:
    first = complete_quest(player=alice, number=make_quest().number)
    steps = more.get("steps", [])
    fields = {"prerequisites": {"quest": first.quest.number}} | more | {"steps": steps}
    quest = make_quest(**fields)
    for step in steps:
        submit_step(player=alice, number=quest.number, key=step["id"], answer=QUIZ_RIGHT)
    won = complete_quest(player=alice, number=quest.number)
    for _ in range(2):
        with pytest.raises(Problem) as refused:
            complete_quest(player=alice, number=quest.number)
        assert refused.value.code == "quest_already_completed"
        assert refused.value.extra["firstResult"]["completionId"] == str(won.public_id)
        # And once more without what it builds on.
        for entry in LedgerEntry.objects.filter(
            kind="completion", completion=first.completion_id, reversed_by=None
        ):
            reverse_entry(entry=entry, reason="A bot.", actor=operator)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(3))
def test_badges_for_several_quests_are_earned_though_all_come_at_once(
    alice: User, make_quest: MakeQuest, round_: int
) -> None:
    quests = [make_quest(category="reading") for _ in range(6)]
    numbers = [quest.number for quest in quests]
    for slug, metric, more in (
        ("sixty", "xp", {"threshold": 60}),
        ("six", "completions", {"threshold": 6}),
        ("reader", "category", {"threshold": 6, "category": "reading"}),
        ("all", "quests", {"quests": numbers}),
    ):
        Achievement.objects.create(slug=slug, name=slug, metric=metric, **more)

    with together(6) as run:
        results = run(lambda place: complete_quest(player=alice, number=numbers[place]))

    slugs = dict(Achievement.objects.values_list("pk", "slug"))
    told = sorted(slugs[pk] for result in results for pk in result.achievements)
    assert told == ["all", "reader", "six", "sixty"]
    assert achievements.recompute() == (0, 0)


def test_a_quota_counts_those_who_came_before_it_and_can_be_lifted(
    alice: User, bob: User, charlie: User, operator: User, make_quest: MakeQuest
) -> None:
    quest = make_quest()
    complete_quest(player=alice, number=quest.number)

    def set_quota(quota: int | None) -> None:
        fresh = Quest.objects.get(pk=quest.pk)
        update_quest(quest=fresh, document=document_of(fresh) | {"quota": quota}, actor=operator)

    set_quota(2)
    complete_quest(player=bob, number=quest.number)
    with pytest.raises(Problem) as refused:
        complete_quest(player=charlie, number=quest.number)
    assert refused.value.code == "quota_exhausted"

    with pytest.raises(Problem) as too_small:
        set_quota(1)
    assert too_small.value.code == "quota_too_small"
    set_quota(None)
    assert complete_quest(player=charlie, number=quest.number).xp_earned == 10


def test_an_award_to_a_season_that_is_closed_is_refused_whole(alice: User, operator: User) -> None:
    season = Season.objects.create(slug="spring", name="Spring")
    stale = Season.objects.get(pk=season.pk)
    close_season(season=season, actor=operator)

    with pytest.raises(Problem) as refused:
        award(player=alice, amount=5, reason="Late.", actor=operator, season=stale)

    assert refused.value.code == "season_closed"
    assert not LedgerEntry.objects.exists()
