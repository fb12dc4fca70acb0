"""Hints of what may not be honest: seen where it is built, and nothing where people just play."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import User
from links.clicks import partitions
from links.models import Click, Link, MarkedClick, VisitOutcome
from links.redirect.click import new_event_id
from quests import integrity
from quests.completions.completing import complete_quest
from quests.integrity import Hint
from quests.models import Attempt, AuditEntry, Challenge, Completion, Evidence, LedgerEntry, Quest
from quests.progress import start_quest, submit_step
from realtime.members import join_room
from realtime.messages.posting import post_message
from realtime.rooms import create_room
from tests.quests.conftest import CODE, Allow, MakeQuest

pytestmark = pytest.mark.django_db
PAGE = "/admin/quests/completion/integrity/"
NOON = (timezone.now() - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture(autouse=True)
def _partitions_are_forgotten() -> None:
    """A test's rollback takes its partitions away again."""
    partitions._known.clear()


@pytest.fixture
def links(alice: User) -> list[Link]:
    return [
        Link.objects.create(
            owner=alice, slug=f"page{number}", slug_key=f"page{number}", url="https://example.com/"
        )
        for number in range(6)
    ]


@pytest.fixture
def people(db: None) -> list[User]:
    return [User.objects.create_user(username=f"player{number}") for number in range(24)]


def clicked(
    player: User | None, link: Link, *, at: datetime, visitor: bytes = b"", outcome: str = "counted"
) -> str:
    """A click of her personal address, as the drain stores it; the click's id."""
    event_id = new_event_id().hex()
    MarkedClick.objects.create(
        event_id=event_id, at=at, link_id=link.pk, subject=str(player.public_id) if player else "",
        outcome=VisitOutcome(outcome),
    )  # fmt: skip
    if visitor:
        partitions.ensure([at.date()])
        Click.objects.create(
            event_id=event_id, at=at, link_id=link.pk, is_bot=False, visitor=visitor, country="",
            language="", referrer="", browser="", os="", device="", variant="", rule="",
        )  # fmt: skip
    return event_id


def done(
    player: User,
    quest: Quest,
    *,
    at: datetime,
    took: float = 60,
    evidence: str = "",
    source: str = "",
) -> Completion:
    """She completed it; if `evidence` is given, by a piece of that kind."""
    attempt = Attempt.objects.create(player=player, quest=quest)
    Attempt.objects.filter(pk=attempt.pk).update(started_at=at - timedelta(seconds=took))
    completion = Completion.objects.create(
        player=player, quest=quest, quest_version=1, status="paid", xp=10, completed_at=at
    )
    if evidence:
        seen(player, quest, at=at, kind=evidence, source=source, completion=completion)
    return completion


def seen(
    player: User, quest: Quest, *, at: datetime, kind: str, source: str = "", **more: Any
) -> None:
    payload = {"minute": 1} if kind == "room_presence" else {}
    Evidence.objects.create(
        player=player, quest=quest, step="step", kind=kind, state="verified", occurred_at=at,
        source_id=source or f"{kind} {at.timestamp()}", payload=payload, **more,
    )  # fmt: skip


def hints(code: str = "") -> list[Hint]:
    return [hint for hint in integrity.look() if code in {"", hint.code}]


def names(hint: Hint) -> list[str]:
    return sorted(player.username for player in hint.players)


def text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


# --- What is seen ---------------------------------------------------------------------------------


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


# --- The page -------------------------------------------------------------------------------------


@pytest.fixture
def burst(people: list[User], make_quest: MakeQuest) -> list[Completion]:
    """Made by the services, so that the ledger knows of them."""
    quest = make_quest(CODE)
    for player in people[:6]:
        start_quest(player=player, number=quest.number)
        submit_step(player=player, number=quest.number, key="code", answer="open sesame")
        complete_quest(player=player, number=quest.number)
    Completion.objects.update(completed_at=timezone.now())
    return list(Completion.objects.order_by("pk"))


def test_what_a_hint_names_is_held_with_the_operators_reason_after_a_page_that_asks(
    pages: Client, burst: list[Completion]
) -> None:
    page = text(pages.get(PAGE))
    assert "6 completions in one second" in page
    assert "6 paid completions" in page
    given = {"_selected_action": re.findall(r'name="_selected_action" value="(\d+)"', page)}
    assert given["_selected_action"] == [str(row.pk) for row in burst]

    asked = text(pages.post(PAGE, given))
    assert "player0" in asked
    assert Completion.objects.filter(status="held").count() == 0
    again = {"_selected_action": re.findall(r'name="_selected_action" value="(\d+)"', asked)}
    assert pages.post(PAGE, again | {"reason": " "}).status_code == 200
    answer = pages.post(PAGE, again | {"reason": "A farm?"}, follow=True)

    assert "6 held." in text(answer)
    assert "Nothing of that kind" not in text(answer)  # it was seen, whatever became of it
    assert "No paid completion rests on it." in text(answer)
    rows = Completion.objects.values_list("status", "reason").distinct()
    assert list(rows) == [("held", "A farm?")]
    assert AuditEntry.objects.filter(action="xp.hold", reason="A farm?").count() == 6
    assert LedgerEntry.objects.aggregate(xp=Sum("amount"))["xp"] == 0


def test_whoever_may_not_correct_may_not_hold_and_others_see_nothing(
    allowed: Allow, burst: list[Completion]
) -> None:
    client = allowed("view_player")
    page = text(client.get(PAGE))
    assert "6 completions in one second" in page
    assert "Hold these" not in page
    chosen = {"_selected_action": burst[0].pk, "reason": "x"}
    assert client.post(PAGE, chosen).status_code == 403
    assert f'href="{PAGE}"' in page
    assert allowed("view_completion").get(PAGE).status_code == 403
    assert Completion.objects.filter(status="held").count() == 0


def test_the_page_costs_the_same_whatever_is_found(
    pages: Client, burst: list[Completion], links: list[Link], django_assert_num_queries: Any
) -> None:
    for player in (row.player for row in burst):
        for number, link in enumerate(links):
            clicked(player, link, at=NOON + timedelta(seconds=number), visitor=b"same one")
    # The session, its person, seven ways to look, people, links, what is paid twice, and what
    # waits for review in the sidebar.
    with django_assert_num_queries(14):
        page = pages.get(PAGE)
    assert len(page.context["hints"]) == 8
    assert text(pages.get(PAGE)).count("<article") == 8


def test_nothing_is_said_of_an_ordinary_day(
    pages: Client, people: list[User], links: list[Link], make_quest: MakeQuest
) -> None:
    visit, talk = make_quest(CODE), make_quest(CODE)
    for number, player in enumerate(people):
        at = NOON + timedelta(minutes=5 * number)
        event_id = clicked(player, links[number % 3], at=at, visitor=bytes([number]) * 8)
        done(player, visit, at=at, took=2, evidence="visit_link", source=event_id)
        done(player, talk, at=at + timedelta(minutes=40), took=2_400)
    clicked(None, links[0], at=NOON, outcome="forged")
    clicked(people[0], links[0], at=NOON, outcome="other_browser")
    assert hints() == []
    assert "Nothing of that kind was seen." in text(pages.get(PAGE))
