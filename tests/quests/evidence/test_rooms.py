"""Presence and talk that rooms saw pay a quest; tabs, returns and repetitions do not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from monitoring.wire.problems import Problem
from quests.authoring.document import document_of
from quests.authoring.services import update_quest
from quests.definitions import definition_of
from quests.explanation import explain
from quests.models import Attempt, Challenge, Completion, Evidence, LedgerEntry, Quest
from quests.progress import start_quest, submit_step
from quests.requirements import room_message, room_presence
from quests.requirements.room_presence import RoomPresence
from quests.selectors import total_xp
from realtime.facts import message_changed, message_posted
from realtime.messages.editing import delete_message, edit_message
from realtime.messages.posting import post_message
from realtime.models import Message, Room
from realtime.models.stay import Stay
from tests.quests.conftest import MakeQuest
from tests.quests.evidence.conftest import House

pytestmark = pytest.mark.django_db

PRESENCE = {
    "id": "stay",
    "kind": "room_presence",
    "title": "Stay a while",
    "config": {"room": "lobby", "minutes": 3, "withinMinutes": 10},
}
TALK = {
    "id": "talk",
    "kind": "room_message",
    "title": "Say something",
    "config": {"room": "lobby", "messages": 2, "minLength": 5},
}
Say = Callable[..., Message]


@pytest.fixture
def say(bob: User, bob_in_lobby: Room, house: House) -> Say:
    def post(body: str) -> Message:
        return house.after(lambda: post_message(room=bob_in_lobby, sender=bob, body=body))[0]

    return post


def started(player: User, quest: Quest, *, ago: timedelta = timedelta(hours=1)) -> None:
    start_quest(player=player, number=quest.number)
    Attempt.objects.update(started_at=timezone.now() - ago)


def reasons(player: User, quest: Quest) -> list[str]:
    return [one.reason for one in explain(player, definition_of(quest)).steps[0].disregarded]


def test_full_minutes_in_the_room_pay(
    bob: User, bob_in_lobby: Room, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(PRESENCE)
    started(bob, quest)
    house.stayed(bob, bob_in_lobby, seconds=170)
    assert not Completion.objects.exists()
    assert Evidence.objects.count() == 2

    house.stayed(bob, bob_in_lobby, seconds=185)

    assert total_xp(bob) == 10
    assert Evidence.objects.filter(completion__isnull=False).count() == 3


def test_two_tabs_are_no_faster_and_a_reconnect_loop_adds_only_its_moments(
    bob: User, bob_in_lobby: Room, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(PRESENCE)
    started(bob, quest)
    now = timezone.now()
    for _ in range(2):
        house.stayed(bob, bob_in_lobby, seconds=100, until=now)
    for number in range(30):
        before = now - timedelta(seconds=110 + 6 * number)
        house.stayed(bob, bob_in_lobby, seconds=0.5, until=before)

    assert Evidence.objects.count() == 1
    assert not Completion.objects.exists()


def test_minutes_must_lie_close_enough(
    bob: User, bob_in_lobby: Room, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(PRESENCE)
    started(bob, quest)
    now = timezone.now()
    house.stayed(bob, bob_in_lobby, seconds=61, until=now - timedelta(minutes=30))
    house.stayed(bob, bob_in_lobby, seconds=61, until=now - timedelta(minutes=15))
    house.stayed(bob, bob_in_lobby, seconds=61, until=now)
    assert not Completion.objects.exists()

    house.stayed(bob, bob_in_lobby, seconds=180, until=now - timedelta(minutes=2))
    assert Completion.objects.exists()


def test_time_before_the_quest_was_started_is_not_hers(
    bob: User, bob_in_lobby: Room, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(PRESENCE)
    started(bob, quest, ago=timedelta(seconds=90))
    house.stayed(bob, bob_in_lobby, seconds=600)
    assert Evidence.objects.count() == 1


def test_time_counts_while_the_words_that_are_asked_for_are_typed(
    bob: User, bob_in_lobby: Room, make_quest: MakeQuest, house: House, posts: list[Any]
) -> None:
    config = PRESENCE["config"] | {"challengeMinutes": 5}  # type: ignore[operator]
    quest = make_quest(PRESENCE | {"config": config})
    started(bob, quest)
    house.stayed(bob, bob_in_lobby, seconds=200, until=timezone.now() - timedelta(seconds=1))
    assert not Evidence.objects.exists()
    asked = Challenge.objects.get()
    assert [(event, data["word"]) for _, event, data in posts if event == "quest:challenge"] == [
        ("quest:challenge", asked.word)
    ]
    assert set(reasons(bob, quest)) == {"You were asked, and did not answer."}

    outcome = submit_step(player=bob, number=quest.number, key="stay", answer="none")
    assert outcome.evidence is None
    submit_step(player=bob, number=quest.number, key="stay", answer=asked.word)
    with pytest.raises(Problem, match="not asked"):
        submit_step(player=bob, number=quest.number, key="stay", answer=asked.word)
    assert not Completion.objects.exists()

    house.stayed(bob, bob_in_lobby, seconds=1, until=timezone.now() + timedelta(minutes=4))
    Challenge.objects.update(asked_at=timezone.now() - timedelta(minutes=9))
    house.stayed(bob, bob_in_lobby, seconds=181)
    assert total_xp(bob) == 10


def test_who_was_asked_and_is_silent_costs_nothing_until_she_is_asked_again(
    bob: User, bob_in_lobby: Room, make_quest: MakeQuest, house: House
) -> None:
    config = PRESENCE["config"] | {"challengeMinutes": 5}  # type: ignore[operator]
    started(bob, make_quest(PRESENCE | {"config": config}))
    house.stayed(bob, bob_in_lobby, seconds=200)
    stays = list(Stay.objects.values_list("pk", flat=True))
    kind = RoomPresence()

    def asked(*, seconds: int) -> None:
        at = timezone.now() - timedelta(seconds=seconds)
        Challenge.objects.update(asked_at=at, expires_at=at + timedelta(seconds=90))

    asked(seconds=80)
    assert kind.concerned(stays)
    asked(seconds=100)
    assert kind.concerned(stays) == []
    asked(seconds=301)
    assert kind.concerned(stays)


def test_minutes_count_when_the_stays_of_those_before_them_are_forgotten(
    bob: User,
    bob_in_lobby: Room,
    make_quest: MakeQuest,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quest = make_quest(PRESENCE | {"config": {"room": "lobby", "minutes": 5}})
    started(bob, quest, ago=timedelta(days=3))
    house.stayed(bob, bob_in_lobby, seconds=121, until=timezone.now() - timedelta(days=2))
    monkeypatch.setattr(room_presence, "_LOOKED_AT", timedelta(days=1))
    Stay.objects.all().delete()

    house.stayed(bob, bob_in_lobby, seconds=121)

    assert Evidence.objects.count() == 4


def test_messages_pay_and_the_same_again_or_hardly_anything_does_not(
    bob: User, say: Say, make_quest: MakeQuest
) -> None:
    quest = make_quest(TALK)
    started(bob, quest)
    for body in ("Good morning!", "good   MORNING", "ok", "…"):
        say(body)
    assert not Completion.objects.exists()
    assert reasons(bob, quest) == [
        "It has fewer than 5 letters.",
        "It has fewer than 5 letters.",
        "The same was said before.",
    ]

    say("And good night.")
    assert total_xp(bob) == 10


def test_messages_must_be_on_different_days(bob: User, say: Say, make_quest: MakeQuest) -> None:
    quest = make_quest(TALK | {"config": TALK["config"] | {"days": 2}})  # type: ignore[operator]
    started(bob, quest, ago=timedelta(days=3))
    say("Good morning!")
    say("And good night.")
    assert not Completion.objects.exists()
    step = explain(bob, definition_of(quest)).steps[0]
    assert step.missing == "On 1 of 2 different days."

    Message.objects.filter(seq=1).update(created_at=timezone.now() - timedelta(days=1))
    Evidence.objects.all().delete()
    say("Here I am again.")
    assert total_xp(bob) == 10


def test_what_a_deleted_message_had_paid_is_taken_back_with_the_reason(
    alice: User, bob: User, say: Say, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(TALK)
    started(bob, quest)
    first = say("Good morning!")
    say("And good night.")
    assert total_xp(bob) == 10

    house.after(lambda: delete_message(message=first, actor=alice))

    assert total_xp(bob) == 0
    reversal = LedgerEntry.objects.latest("pk")
    assert (reversal.reason, reversal.actor and reversal.actor.username) == (
        "Message 1 was deleted.",
        "rallypoint",
    )
    completion = Completion.objects.get()
    assert (completion.status, completion.reason) == ("reversed", "Message 1 was deleted.")
    seen = explain(bob, definition_of(quest)).steps[0].evidence
    assert [(one.evidence.state, one.evidence.review_note) for one in seen] == [
        ("withdrawn", "Message 1 was deleted."),
        ("verified", ""),
    ]


def test_another_message_stands_in_for_a_deleted_one(
    alice: User, bob: User, say: Say, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(TALK | {"config": TALK["config"] | {"messages": 1}})  # type: ignore[operator]
    first = say("Good morning!")
    second = say("And good night.")
    started(bob, quest)
    house.after(lambda: message_posted.send(sender=None, ids=[str(first.public_id)]))
    assert total_xp(bob) == 10

    house.after(lambda: delete_message(message=first, actor=alice))

    assert total_xp(bob) == 10
    assert Evidence.objects.get(completion__isnull=False, state="verified").source_id == str(
        second.public_id
    )


def test_what_stands_in_is_judged_by_the_quest_as_it_was_completed(
    alice: User, bob: User, operator: User, say: Say, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(TALK | {"config": TALK["config"] | {"messages": 1}})  # type: ignore[operator]
    first, _ = say("Good morning!"), say("And good night.")
    started(bob, quest)
    house.after(lambda: message_posted.send(sender=None, ids=[str(first.public_id)]))
    harder = TALK | {"config": TALK["config"] | {"messages": 9}}  # type: ignore[operator]
    update_quest(quest=quest, document=document_of(quest) | {"steps": [harder]}, actor=operator)

    house.after(lambda: delete_message(message=first, actor=alice))

    assert total_xp(bob) == 10


def test_a_message_that_is_emptied_by_an_edit_counts_no_more(
    bob: User, say: Say, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(TALK)
    started(bob, quest)
    first = say("Good morning to everybody here!")
    say("And good night.")
    house.after(lambda: edit_message(message=first, editor=bob, body="."))
    assert total_xp(bob) == 0


def test_a_change_that_is_told_twice_takes_back_once(
    alice: User, bob: User, say: Say, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(TALK)
    started(bob, quest)
    first = say("Good morning!")
    say("And good night.")
    house.after(lambda: delete_message(message=first, actor=alice))
    house.after(lambda: message_changed.send(sender=None, ids=[str(first.public_id)]))
    assert total_xp(bob) == 0
    assert LedgerEntry.objects.count() == 2


def test_much_talk_on_one_day_does_not_hide_that_of_the_next(
    bob: User, say: Say, make_quest: MakeQuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_message, "_MOST_OF_DAY", 2)
    config = TALK["config"] | {"days": 2}  # type: ignore[operator]
    for _ in range(3):
        say("Good morning!")
    Message.objects.update(created_at=timezone.now() - timedelta(days=2))
    started(bob, make_quest(TALK | {"config": config}), ago=timedelta(days=3))
    say("Here I am again.")
    assert total_xp(bob) == 10
