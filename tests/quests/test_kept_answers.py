"""Which public answers are offered for keeping, and what ends them."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.events import PEOPLE
from accounts.models import User
from monitoring.responses.kept import OFFER
from monitoring.responses.tags import generation
from quests.completions.completing import complete_quest
from quests.events import CATALOGUE
from quests.models import Achievement, Season
from tests.quests.conftest import MakeQuest

pytestmark = pytest.mark.django_db(transaction=True)
Api = Callable[..., APIClient]


@pytest.mark.parametrize(
    ("path", "tag"),
    [
        ("/api/quests", CATALOGUE),
        ("/api/seasons", CATALOGUE),
        ("/api/achievements", CATALOGUE),
        ("/api/public/users/leaderboard", PEOPLE),
        ("/api/public/progress/recent-completions", PEOPLE),
        ("/api/public/users/stats", "community"),
    ],
)
def test_lists_that_everybody_reads_are_offered(api: Api, path: str, tag: str) -> None:
    offered = api().get(path)[OFFER].split()
    assert offered[3] == tag
    assert offered[4].startswith("/api/")


def test_one_quest_is_offered_with_its_text(api: Api, make_quest: MakeQuest) -> None:
    number = make_quest().number
    for path in (f"/api/quests/{number}", f"/api/quests/{number}/content"):
        assert api().get(path)[OFFER].split()[3] == CATALOGUE


def test_one_thing_is_kept_once_whatever_else_is_asked(api: Api, make_quest: MakeQuest) -> None:
    number = make_quest().number
    Season.objects.create(slug="first", name="First")
    for path in (f"/api/quests/{number}", f"/api/quests/{number}/content", "/api/seasons/first"):
        assert api().get(path).status_code == 200
        assert api().get(path, {"other": "1"}).status_code == 400


def test_callers_who_are_known_are_offered_nothing(api: Api, alice: User) -> None:
    assert OFFER not in api(alice).get("/api/quests")
    assert OFFER not in api().get("/api/quests", headers={"X-API-Key": "rp_x"})


def test_what_is_not_there_is_not_offered(api: Api) -> None:
    assert OFFER not in api().get("/api/quests/4711")


@pytest.mark.parametrize("what", ["quest", "season", "achievement"])
def test_a_change_of_the_catalogue_ends_its_answers(what: str, make_quest: MakeQuest) -> None:
    before = generation(CATALOGUE)
    if what == "quest":
        make_quest()
    elif what == "season":
        Season.objects.create(slug="spring", name="Spring")
    else:
        Achievement.objects.create(slug="first", name="First", metric="xp", threshold=1)

    assert generation(CATALOGUE) != before


def test_a_completion_is_on_the_leaderboard_at_once(
    api: Api, alice: User, bob: User, make_quest: MakeQuest
) -> None:
    quest = make_quest()
    for player in (alice, bob):
        complete_quest(player=player, number=quest.number)
        page = api().get("/api/public/users/leaderboard").json()
        newest = api().get("/api/public/progress/recent-completions").json()
        assert player.username in [user["username"] for user in page["users"]]
        assert newest["completions"][0]["username"] == player.username


def test_figures_of_the_community_are_as_old_as_they_may_be(
    api: Api, alice: User, make_quest: MakeQuest, django_assert_num_queries: Callable[..., object]
) -> None:
    before = api().get("/api/public/users/stats").json()
    complete_quest(player=alice, number=make_quest().number)

    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        assert api().get("/api/public/users/stats").json() == before
