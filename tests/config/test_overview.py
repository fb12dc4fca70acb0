"""The operators' first page."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import User
from links import tasks as clicks
from links.models import ClicksByDay, Dimension
from monitoring import redis
from monitoring.equations import Difference
from monitoring.proofs import keep_proof, last_proofs
from monitoring.redis import durable
from monitoring.tasks import BEAT_KEY
from quests import tasks as quests
from quests.authoring.services import create_quest
from quests.completions.completing import complete_quest
from quests.completions.correcting import hold_completion
from quests.models import Completion
from realtime import tasks as rooms
from realtime.models import Room
from realtime.models.stay import Stay
from realtime.rooms import create_room

pytestmark = pytest.mark.django_db
FIGURES = "/admin/overview/"


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def figures(answer: HttpResponse) -> dict[str, str]:
    """Titles and values."""
    found = re.findall(r"<b>(.+?)</b>\s*<strong>(.+?)</strong>", answer.content.decode())
    return dict(found)


def charts(answer: HttpResponse) -> dict[str, list[int]]:
    """The values of each line, by chart and line."""
    return {
        f"{chart['title']}: {line.label}": line.values
        for chart in answer.context["charts"]
        for line in chart["lines"]
    }


def clicked(ago: int, clicks: int, bots: int) -> None:
    day = datetime.now(UTC).date() - timedelta(days=ago)
    ClicksByDay.objects.create(
        link_id=1, dimension=Dimension.TOTAL, start=day, value="", clicks=clicks, bots=bots,
        visitors=1,
    )  # fmt: skip


def test_it_tells_what_happened_today_and_costs_a_fixed_number_of_queries(
    root: Client, operator: User, alice: User, bob: User, django_assert_num_queries: Any
) -> None:
    clicked(0, clicks=12, bots=2)
    clicked(7, clicks=5, bots=0)
    clicked(30, clicks=99, bots=0)
    quest = create_quest(
        document={"title": "Hello", "xpReward": 10, "status": "published"}, actor=operator
    )
    for player in (alice, bob):
        complete_quest(player=player, number=quest.number)
    hold_completion(
        completion=Completion.objects.get(player=bob), reason="Looked at.", actor=operator
    )
    # The session, its person, what waits for review (for the sidebar), clicks, people, completions,
    # what waits (twice: nothing is kept inside of a test's transaction), the stream's cursor;
    # clicks, completions and stays for the charts.
    with django_assert_num_queries(12):
        page = root.get("/admin/")
    told = figures(page)
    assert (told["Clicks today"], told["Completions today"]) == ("10", "2")
    assert (told["XP today"], told["Held"], told["New people today"]) == ("10", "1", "4")
    drawn = charts(page)
    assert drawn["Clicks a day, 21 days: People"][-8:] == [5, 0, 0, 0, 0, 0, 0, 10]
    assert sum(drawn["Clicks a day, 21 days: Bots"]) == 2
    assert drawn["XP paid a day, 21 days: XP"][-1] == 10
    assert "5 on all of" in page.content.decode()


def test_people_in_rooms_are_drawn_by_the_hour(root: Client, alice: User, bob: User) -> None:
    room: Room = create_room(creator=alice, slug="lobby", name="Lobby")
    now = timezone.now()
    for user, process, hours in ((alice, "a", 2), (alice, "b", 1), (bob, "c", 0)):
        Stay.objects.create(
            room=room, user=user, process=process, seen_at=now,
            began_at=now - timedelta(hours=hours),
        )  # fmt: skip
    drawn = charts(root.get("/admin/"))["People in rooms, by hour (UTC): People"]
    assert len(drawn) == 24
    assert drawn[-3:] == [1, 1, 2]


def test_an_operator_is_told_only_what_she_may_look_up(client: Client, operator: User) -> None:
    allowed = Permission.objects.filter(codename__in=["view_click", "view_evidence"])
    operator.user_permissions.set(allowed)
    client.force_login(operator)
    page = client.get("/admin/")
    assert set(figures(page)) == {"Clicks today", "Review queue"}
    assert {name.partition(",")[0] for name in charts(page)} == {"Clicks a day"}
    assert set(figures(client.get(FIGURES))) == {"Clicks today", "Review queue"}
    operator.user_permissions.clear()
    assert figures(client.get("/admin/")) == {}
    client.logout()
    assert client.get(FIGURES).status_code == 302


def test_every_figure_leads_to_a_page_that_answers(root: Client) -> None:
    page = root.get("/admin/").content.decode()
    figures_part = page.partition('id="overview"')[2].partition("</div>")[0]
    for address in set(re.findall(r'href="([^"]+)"', figures_part)):
        assert root.get(address).status_code == 200, address


def test_without_redis_it_says_what_is_not_known(
    root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(settings, "REDIS_URL", nowhere)
    monkeypatch.setattr(settings, "CACHE_URL", nowhere)
    redis._client.cache_clear()
    try:
        answer = root.get("/admin/")
    finally:
        redis._client.cache_clear()
    told = figures(answer)
    unknown = {name for name, value in told.items() if value == "?"}
    assert unknown == {
        "People online", "Rooms in use", "Click stream lag", "Beat", "Workers", "Tasks waiting",
        "Last proof", "Last backup",
    }  # fmt: skip
    assert told["Clicks today"] == "0"


def test_it_tells_of_beat_and_of_the_last_proofs(root: Client) -> None:
    told = figures(root.get(FIGURES))
    assert (told["Beat"], told["Last proof"]) == ("silent", "none yet")
    durable().set(BEAT_KEY, timezone.now().timestamp())
    keep_proof("clicks", [])
    assert figures(root.get(FIGURES))["Beat"] == "alive"
    assert figures(root.get(FIGURES))["Last proof"] == "all equal"
    keep_proof("rooms", [Difference("E5", "a room", 2, 1)])
    assert figures(root.get(FIGURES))["Last proof"] == "1 wrong"


@pytest.mark.parametrize(
    ("tasks", "proof"), [(clicks, "clicks"), (quests, "quests"), (rooms, "rooms")]
)
def test_the_nightly_proofs_are_kept(
    tasks: Any, proof: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Difference("E1", "a link", 2, 1)]
    report = SimpleNamespace(differences=found, is_clean=False)
    monkeypatch.setattr(tasks.reconciliation, "reconcile", lambda: report)
    assert tasks.reconcile() is False
    assert {name: kept.differences for name, kept in last_proofs().items()} == {proof: 1}


def test_its_script_asks_only_while_somebody_looks_and_nothing_is_inline(root: Client) -> None:
    page = root.get("/admin/")
    assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>\s*\S", page.content.decode())
    assert f'data-figures="{FIGURES}"' in page.content.decode()
    assert "no-store" in root.get(FIGURES).headers["Cache-Control"]
    with open(str(finders.find("rallypoint/overview.js"))) as script:  # noqa: PTH123
        assert "document.hidden" in script.read()
