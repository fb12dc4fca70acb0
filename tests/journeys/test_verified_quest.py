"""The whole way, as two people see it: a click, a minute in a room, and XP that comes by itself."""

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.accounts.siwe import TestWallet
from tests.background import Background
from tests.journeys.browsers import Keyboard, Open, needs_chromium, sign_in
from tests.links.conftest import CHROME
from tests.stack import Stack

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(300), needs_chromium]
# Evidence is seen within seconds; a minute in a room takes a minute.
SOON, A_MINUTE = 20_000, 100_000


def challenge(page: Page) -> None:
    """Types the word that she alone is shown, without a mouse."""
    question = page.locator("#challenge-question")
    expect(question).to_be_visible(timeout=SOON)
    asked, keys = question.inner_text(), Keyboard(page)
    keys.fill(asked, asked.split()[-1])
    keys.press("Enter")
    expect(page.get_by_text("Thank you, you were seen.").first).to_be_visible()


def test_a_click_and_a_minute_in_the_room_are_paid_while_pages_look_on(
    stack: Stack, enter: Open
) -> None:
    name = f"way-{uuid4().hex[:8]}"
    target = "https://example.com/read"
    stack.make_link(slug=name, url=target)
    stack.manage(
        "shell", "-c",
        "from accounts.models import User; from realtime.rooms import create_room\n"
        f"create_room(creator=User.objects.get(username='alice'), slug='{name}', name='{name}')",
    )  # fmt: skip
    visit = {"id": "visit", "kind": "visit_link", "title": "Read", "config": {"link": name}}
    stay = {
        "id": "stay", "kind": "room_presence", "title": "Stay", "ordered": True,
        "withinSeconds": 600, "config": {"room": name, "minutes": 1, "challengeMinutes": 5},
    }  # fmt: skip
    look, way = stack.make_quests(
        {"title": "A look", "xpReward": 3000, "steps": [visit]},
        {"title": "The whole way", "xpReward": 12000, "steps": [visit, stay]},
    )
    with Background(stack, processes=2):
        # A headless browser says that it is one, and is taken for a bot.
        page = enter(TestWallet(b"\x61" * 32), user_agent=CHROME)
        onlooker = enter(TestWallet(b"\x62" * 32))
        sign_in(onlooker, "/leaderboard")
        sign_in(page, f"/quests/{way}")
        player = page.locator(".menu__name").inner_text()
        page.get_by_role("button", name="Start").first.click()
        page.goto(f"/quests/{look}")
        expect(page.locator("html[data-live=open]")).to_be_attached()

        # Where it leads there is nothing to see: this machine may be alone in the world.
        with page.context.expect_event("request", lambda asked: asked.url == target):
            page.get_by_role("button", name=f"Visit /{name}").click()
        expect(page.get_by_text("You earned 3,000 XP")).to_be_visible(timeout=SOON)
        expect(onlooker.get_by_role("row", name=player)).to_contain_text("3,000", timeout=SOON)

        page.goto(f"/quests/{way}")
        expect(page.get_by_text("1 of 2 done")).to_be_visible(timeout=SOON)
        page.goto(f"/rooms/{name}")
        challenge(page)
        done = page.get_by_text("Quest completed: The whole way, +12000 XP")
        expect(done).to_be_visible(timeout=A_MINUTE)
        expect(onlooker.get_by_role("row", name=player)).to_contain_text("15,000", timeout=SOON)

    page.goto(f"/quests/{way}/why")
    for what in (f"The link /{name} was opened.", f"A minute in {name}", "The word that was asked"):
        expect(page.get_by_role("listitem").filter(has_text=what)).to_contain_text("counts")
