"""Steps that come one after another, and soon enough."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from links.models import Link
from quests.authoring.document import document_of
from quests.definitions import definition_of
from quests.explanation import explain
from quests.models import Attempt, Completion, Evidence, Quest
from quests.progress import submit_step
from realtime.models import Room
from tests.quests.conftest import QUIZ, QUIZ_RIGHT, MakeQuest
from tests.quests.evidence.conftest import VISIT, House

pytestmark = pytest.mark.django_db

JOIN = {
    "id": "join",
    "kind": "room_presence",
    "title": "Come to the talk",
    "config": {"room": "lobby", "minutes": 1},
    "ordered": True,
    "withinSeconds": 600,
}
ANSWER = QUIZ | {"ordered": True}


@pytest.fixture
def chain(link: Link, bob_in_lobby: Room, make_quest: MakeQuest) -> Quest:
    return make_quest(VISIT, JOIN, ANSWER)


@pytest.fixture
def clicked(bob: User, chain: Quest, link: Link, house: House) -> Any:
    """`clicked(30)`: thirty minutes ago."""
    address = house.address(bob, chain)
    Attempt.objects.update(started_at=timezone.now() - timedelta(hours=2))

    def click(minutes_ago: float) -> None:
        house.opened(address, link, at=timezone.now() - timedelta(minutes=minutes_ago))

    return click


def joined(house: House, player: User, room: Room, minutes_ago: float) -> None:
    until = timezone.now() - timedelta(minutes=minutes_ago - 1)
    house.stayed(player, room, seconds=61, until=until)


def missing(player: User, quest: Quest) -> list[str]:
    return [step.missing for step in explain(player, definition_of(quest)).steps]


def test_click_join_and_answer_in_this_order_and_in_time(
    bob: User, chain: Quest, bob_in_lobby: Room, clicked: Any, house: House
) -> None:
    clicked(20)
    joined(house, bob, bob_in_lobby, 15)
    assert missing(bob, chain) == ["", "", "Nothing right was sent in."]

    submit_step(player=bob, number=chain.number, key="quiz", answer=QUIZ_RIGHT)

    assert Completion.objects.get().player == bob
    assert Evidence.objects.filter(completion__isnull=False).count() == 3


def test_who_joined_first_or_too_late_begins_again(
    bob: User, chain: Quest, bob_in_lobby: Room, clicked: Any, house: House
) -> None:
    joined(house, bob, bob_in_lobby, 50)
    clicked(40)
    joined(house, bob, bob_in_lobby, 20)
    assert missing(bob, chain) == [
        "",
        "It must begin within 10 min of the step before it.",
        "It counts from when the step before it is met.",
    ]

    clicked(21.5)
    assert missing(bob, chain)[:2] == ["", ""]


def test_an_answer_from_before_counts_no_more_for_the_last_step(
    bob: User, chain: Quest, bob_in_lobby: Room, clicked: Any, house: House
) -> None:
    submit_step(player=bob, number=chain.number, key="quiz", answer=QUIZ_RIGHT)
    Evidence.objects.update(occurred_at=timezone.now() - timedelta(minutes=30))
    clicked(20)
    joined(house, bob, bob_in_lobby, 15)
    assert not Completion.objects.exists()
    assert missing(bob, chain)[2]


def test_a_step_that_is_not_ordered_counts_from_the_beginning(
    bob: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(VISIT, QUIZ)
    submit_step(player=bob, number=quest.number, key="quiz", answer=QUIZ_RIGHT)
    house.opened(house.address(bob, quest), link)
    assert Completion.objects.exists()


def test_order_is_part_of_the_document(make_quest: MakeQuest, chain: Quest) -> None:
    steps = document_of(chain)["steps"]
    assert [(step.get("ordered"), step.get("withinSeconds")) for step in steps] == [
        (None, None),
        (True, 600),
        (True, None),
    ]
    with pytest.raises(Exception, match="The first step has none before it"):
        make_quest(QUIZ | {"ordered": True})
    with pytest.raises(Exception, match="Only a step that is ordered"):
        make_quest(VISIT, QUIZ | {"withinSeconds": 5})
