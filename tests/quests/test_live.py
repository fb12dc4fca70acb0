"""What connected people hear of quests: after the commit, and nothing that did not happen."""

from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User
from monitoring.wire.problems import Problem
from quests import live
from quests.completions.completing import complete_quest
from quests.completions.correcting import reverse_entry
from quests.models import LedgerEntry
from tests.quests.conftest import MakeQuest

pytestmark = pytest.mark.django_db
Committed = DjangoCaptureOnCommitCallbacks
Heard = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """(to whom, event, data)."""
    said: Heard = []

    def note(to: str, event: str, data: dict[str, Any]) -> None:
        said.append((to, event, data))

    monkeypatch.setattr("realtime.doors.post_to_user", note)
    monkeypatch.setattr("realtime.doors.post_to_room", note)
    monkeypatch.setattr(
        "realtime.doors.post_broadcast", lambda event, data: note("everybody", event, data)
    )
    monkeypatch.setattr(live, "_leaderboard", live._Leaderboard())
    return said


def test_a_completion_a_level_and_the_leaderboard_are_told_after_the_commit(
    alice: User,
    make_quest: MakeQuest,
    heard: Heard,
    django_capture_on_commit_callbacks: Committed,
) -> None:
    quest = make_quest(xpReward=120)
    with django_capture_on_commit_callbacks(execute=True):
        complete_quest(player=alice, number=quest.number)
        assert heard == []

    hers = str(alice.public_id)
    assert [(to, event) for to, event, _ in heard] == [
        (hers, "quest:completed"),
        (hers, "level:up"),
        ("everybody", "leaderboard:changed"),
    ]
    assert heard[0][2] == {
        "questNumber": quest.number,
        "title": "Say hello",
        "xpEarned": 120,
        "held": False,
        "totalXP": 120,
        "level": 2,
    }
    assert heard[1][2] == {"level": 2}


def test_what_is_rolled_back_nobody_hears_of(
    alice: User,
    make_quest: MakeQuest,
    heard: Heard,
    django_capture_on_commit_callbacks: Committed,
) -> None:
    quest = make_quest()
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        complete_quest(player=alice, number=quest.number)
        transaction.set_rollback(True)
    assert heard == []


def test_the_room_of_a_drop_hears_how_many_places_are_left(
    alice: User,
    bob: User,
    charlie: User,
    make_quest: MakeQuest,
    heard: Heard,
    django_capture_on_commit_callbacks: Committed,
) -> None:
    quest = make_quest(quota=2, announceRoom="lobby")
    for player in (alice, bob):
        with django_capture_on_commit_callbacks(execute=True):
            complete_quest(player=player, number=quest.number)
    with pytest.raises(Problem, match="All places"):
        complete_quest(player=charlie, number=quest.number)

    told = [(to, data["left"], data["total"]) for to, event, data in heard if event == "quest:drop"]
    assert told == [("lobby", 1, 2), ("lobby", 0, 2)]


def test_a_held_completion_moves_no_leaderboard(
    alice: User,
    make_quest: MakeQuest,
    heard: Heard,
    django_capture_on_commit_callbacks: Committed,
) -> None:
    quest = make_quest(holdCompletions=True)
    with django_capture_on_commit_callbacks(execute=True):
        complete_quest(player=alice, number=quest.number)
    ((_, event, data),) = heard
    assert (event, data["held"], data["xpEarned"]) == ("quest:completed", True, 0)


def test_a_correction_is_told_to_her_whom_it_is_about(
    alice: User,
    operator: User,
    make_quest: MakeQuest,
    heard: Heard,
    django_capture_on_commit_callbacks: Committed,
) -> None:
    complete_quest(player=alice, number=make_quest().number)
    with django_capture_on_commit_callbacks(execute=True):
        reverse_entry(entry=LedgerEntry.objects.get(), reason="Twice", actor=operator)
    assert (str(alice.public_id), "xp:changed", {}) in heard


def test_many_changes_of_the_leaderboard_are_told_as_one(heard: Heard) -> None:
    for _ in range(1_000):
        live._leaderboard.tell()
    assert heard == [("everybody", "leaderboard:changed", {})]
