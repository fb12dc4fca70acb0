"""The page of hints, and holding what rests on one."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import User
from links.models import Link
from quests.completions.completing import complete_quest
from quests.models import AuditEntry, Completion, LedgerEntry
from quests.progress import start_quest, submit_step
from tests.quests.conftest import CODE, Allow, MakeQuest
from tests.quests.integrity_cast import NOON, clicked, done, hints, make_links, make_people

pytestmark = pytest.mark.django_db
PAGE = "/admin/quests/completion/integrity/"


@pytest.fixture
def links(alice: User) -> list[Link]:
    return make_links(alice)


@pytest.fixture
def people(db: None) -> list[User]:
    return make_people()


def text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


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
