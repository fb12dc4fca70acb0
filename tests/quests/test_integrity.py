"""What may not be honest is seen where it is built, and nothing is where people just play."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from links.models import Link
from quests.models import Attempt, Challenge, Evidence, Quest
from realtime.members import join_room
from realtime.messages.posting import post_message
from realtime.rooms import create_room
from tests.quests.conftest import CODE, MakeQuest
from tests.quests.integrity_cast import (
    NOON,
    clicked,
    done,
    hints,
    make_links,
    make_people,
    names,
    seen,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def links(alice: User) -> list[Link]:
    return make_links(alice)


@pytest.fixture
def people(db: None) -> list[User]:
    return make_people()


def test_many_people_behind_one_browser_on_a_day_and_what_was_paid_for_it(
    people: list[User], links: list[Link], make_quest: MakeQuest
) -> None:
    quest, paid = make_quest(), []
    for number, player in enumerate(people[:5]):
        at = NOON + timedelta(minutes=number)
        event_id = clicked(player, links[0], at=at, visitor=b"same one")
        paid.append(done(player, quest, at=at, evidence="visit_link", source=event_id))
    done(people[0], make_quest(), at=NOON, evidence="quiz")
    for number, player in enumerate(people[5:9]):  # a family
        clicked(player, links[0], at=NOON + timedelta(minutes=number), visitor=b"a family")
    (hint,) = hints()
    assert (hint.code, hint.severity, hint.links) == ("shared", "medium", [links[0]])
    assert names(hint) == [player.username for player in people[:5]]
    assert hint.sentence.startswith("5 people opened their personal addresses (5 clicks)")
    assert list(hint.completions) == paid


def test_one_browser_on_two_days_is_two_visitors(people: list[User], links: list[Link]) -> None:
    for number, player in enumerate(people[:6]):
        at = NOON - timedelta(days=number % 2)
        clicked(player, links[0], at=at, visitor=b"same one")
    assert hints() == []


def test_five_links_in_a_minute(alice: User, bob: User, links: list[Link]) -> None:
    for number, link in enumerate(links[:5]):
        clicked(alice, link, at=NOON + timedelta(seconds=2 * number))
        clicked(bob, link, at=NOON + timedelta(minutes=number))
    (hint,) = hints()
    assert (hint.code, names(hint), len(hint.links)) == ("click_run", ["alice"], 1)
    assert hint.until - hint.since == timedelta(seconds=8)


def test_five_quests_in_a_minute_each_at_once(
    alice: User, bob: User, make_quest: MakeQuest
) -> None:
    quests = [make_quest(CODE) for _ in range(5)]
    paid = [
        done(alice, quest, at=NOON + timedelta(seconds=5 * number), took=1)
        for number, quest in enumerate(quests)
    ]
    for number, quest in enumerate(quests):
        done(bob, quest, at=NOON + timedelta(seconds=12 * number), took=10)
    (hint,) = hints()
    assert (hint.code, hint.severity, names(hint)) == ("completion_run", "high", ["alice"])
    assert {row.pk for row in hint.completions} == {row.pk for row in paid}


def test_quests_that_ask_for_nothing_are_done_at_once(alice: User, make_quest: MakeQuest) -> None:
    for number in range(6):
        done(alice, make_quest(), at=NOON + timedelta(seconds=number), took=0)
    assert hints() == []


@pytest.fixture
def an_hour(alice: User, make_quest: MakeQuest) -> Quest:
    quest = make_quest()
    for minute in range(60):
        at = NOON + timedelta(minutes=minute)
        seen(alice, quest, at=at, kind="room_presence")
    return quest


def test_an_hour_without_a_sign_of_life(alice: User, an_hour: Quest) -> None:
    completion = done(alice, an_hour, at=NOON + timedelta(hours=1))
    Evidence.objects.update(completion=completion)
    (hint,) = hints()
    assert (hint.code, hint.severity, names(hint)) == ("silent", "low", ["alice"])
    assert "60 minutes" in hint.sentence
    assert list(hint.completions) == [completion]


@pytest.mark.parametrize("sign", ["word", "click", "deed", "less"])
def test_a_sign_of_life_is_enough(
    alice: User, an_hour: Quest, links: list[Link], sign: str
) -> None:
    at = NOON + timedelta(minutes=30)
    if sign == "word":
        attempt = Attempt.objects.create(player=alice, quest=an_hour)
        Challenge.objects.create(
            attempt=attempt, step="step", word="1", asked_at=at, answered_at=at, expires_at=at
        )
    elif sign == "click":
        clicked(alice, links[0], at=at)
    elif sign == "deed":
        seen(alice, an_hour, at=at, kind="quiz")
    else:
        Evidence.objects.filter(occurred_at=at).delete()
    assert hints() == []


def test_a_message_is_a_sign_of_life(alice: User, bob: User, make_quest: MakeQuest) -> None:
    room, quest, now = create_room(creator=alice, slug="hall", name="Hall"), make_quest(), NOON
    join_room(room=room, user=bob)
    message, _ = post_message(room=room, sender=bob, body="Hello")
    type(message).objects.filter(pk=message.pk).update(created_at=now + timedelta(minutes=9))
    for minute in range(70):
        seen(bob, quest, at=now + timedelta(minutes=minute), kind="room_presence")
    assert hints() == []


def test_forged_addresses_by_link_and_hour(links: list[Link]) -> None:
    for number in range(12):
        clicked(None, links[0], at=NOON + timedelta(minutes=number), outcome="forged")
        clicked(None, links[1], at=NOON + timedelta(hours=number % 3), outcome="forged")
    (hint,) = hints()
    assert (hint.code, hint.links, hint.players, hint.completions) == (
        "forged", [links[0]], [], [],
    )  # fmt: skip


def test_addresses_that_are_passed_on(people: list[User], links: list[Link]) -> None:
    for number, player in enumerate(people[:20]):
        for link, every in ((links[0], 2), (links[1], 10)):
            outcome = "counted" if number % every else "other_browser"
            at = NOON + timedelta(minutes=2 * number, hours=link.pk % 7)
            clicked(player, link, at=at, outcome=outcome)
    (hint,) = hints("passed_on")
    assert (hint.links, len(hint.players)) == ([links[0]], 10)
    assert hint.sentence.startswith("10 of 20 clicks")


def test_a_burst_of_new_accounts(people: list[User], make_quest: MakeQuest) -> None:
    quest = make_quest()
    User.objects.filter(pk__in=[one.pk for one in people[:6]]).update(date_joined=NOON)
    User.objects.filter(pk__in=[one.pk for one in people[6:]]).update(
        date_joined=NOON - timedelta(days=3)
    )
    paid = [done(player, quest, at=NOON + timedelta(minutes=1)) for player in people]
    (hint,) = hints()
    assert (hint.code, names(hint)) == ("burst", sorted(one.username for one in people[:6]))
    assert {row.pk for row in hint.completions} == {row.pk for row in paid[:6]}


def test_what_is_older_than_the_period_is_not_looked_at(links: list[Link]) -> None:
    for _ in range(12):
        clicked(None, links[0], at=timezone.now() - timedelta(days=8), outcome="forged")
    assert hints() == []
