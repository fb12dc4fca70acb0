"""The leaderboard in a frame: for any page, without cookies, kept for everybody."""

import pytest
from django.test import Client, override_settings
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from config.asgi import _careful
from links.reserved import reserved_keys
from monitoring.responses.kept import OFFER
from quests.completions.completing import complete_quest
from quests.models import Season
from tests.monitoring.test_security_headers import headers_of
from tests.quests.conftest import MakeQuest

pytestmark = pytest.mark.django_db(transaction=True)
EMBED = "/embed/leaderboard"


@pytest.fixture
def paid(alice: User, make_quest: MakeQuest) -> User:
    Season.objects.create(slug="spring", name="Spring <season>")
    complete_quest(player=alice, number=make_quest(season="spring").number)
    return alice


def test_it_shows_a_seasons_board(
    client: Client, paid: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # The season; the page's wallets, achievements and names. The page is a statement of its own.
    with django_assert_num_queries(4):
        page = client.get(EMBED, {"season": "spring", "limit": "5", "theme": "dark"})

    said = page.content.decode()
    assert page.status_code == 200
    assert "Spring &lt;season&gt;" in said
    assert paid.username in said
    assert 'data-theme="dark"' in said
    assert said.count("<a ") == said.count('target="_blank" rel="noopener"')


def test_it_may_be_framed_and_kept_and_sets_no_cookie(client: Client, paid: User) -> None:
    page = client.get(EMBED)

    assert not page.cookies
    assert "Vary" not in page
    assert "X-Frame-Options" not in page
    assert page["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
    assert page["Content-Security-Policy"].endswith("frame-ancestors *")
    assert page["Cache-Control"] == "public, max-age=10"
    assert page[OFFER].split()[4] == EMBED
    assert paid.username in page.content.decode()


async def test_the_whole_stack_adds_no_ban_on_frames_there_and_only_there() -> None:
    assert "x-frame-options" not in await headers_of(_careful, EMBED)
    assert "x-frame-options" in await headers_of(_careful, "/status")


def test_the_operator_says_who_may_frame_it(client: Client) -> None:
    with override_settings(EMBED_ANCESTORS=["https://club.example"]):
        policy = client.get(EMBED)["Content-Security-Policy"]

    assert policy.endswith("frame-ancestors https://club.example")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("season=nowhere", 404),
        ("limit=0", 400),
        ("limit=x", 400),
        ("theme=pink", 400),
        ("x=1", 400),
    ],
)
def test_what_it_cannot_show_it_says_in_the_frame(client: Client, query: str, status: int) -> None:
    page = client.get(f"{EMBED}?{query}")

    assert page.status_code == status
    assert 'class="note"' in page.content.decode()
    assert OFFER not in page


def test_no_short_link_takes_its_place() -> None:
    assert {"embed", "developers"} <= reserved_keys()
