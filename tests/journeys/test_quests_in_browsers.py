"""Quests in a real browser: with a wallet, with the keyboard alone, and while things happen."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accounts.siwe import ALICES, BOBS, CHARLIES, TestWallet
from tests.journeys.browsers import Open, needs_chromium, sign_in
from tests.quests.conftest import CODE, QUIZ
from tests.stack import Stack, wait_until

pytestmark = [
    pytest.mark.xdist_group("second stack"),
    pytest.mark.timeout(300),
    needs_chromium,
]
OATH = {
    "id": "oath",
    "kind": "wallet_signature",
    "title": "The oath",
    "config": {"sentence": "I will be kind."},
}


@pytest.fixture(scope="module")
def number(stack: Stack) -> int:
    """A quest with a quiz, a code and an oath."""
    (made,) = stack.make_quests({"title": "The tour", "xpReward": 120, "steps": [QUIZ, CODE, OATH]})
    return made


def is_live(page: Page) -> None:
    expect(page.locator("html[data-live=open]")).to_be_attached()


def tell(stack: Stack, page: Page, event: str, data: dict[str, Any]) -> None:
    """What the evidence does when something was seen of whoever this page belongs to."""
    name = page.locator(".menu__name").inner_text()
    stack.manage(
        "shell", "-c",
        "from accounts.models import User; from realtime.doors import send_to_user\n"
        f"send_to_user(User.objects.get(username={name!r}).public_id, {event!r}, {data!r})",
    )  # fmt: skip


def test_a_wallet_signs_in_plays_and_is_paid(enter: Open, number: int) -> None:
    page = enter(ALICES)
    page.goto(f"/quests/{number}")
    page.get_by_role("link", name="Sign in to play").click()
    page.evaluate("window.refuses = true")
    page.get_by_role("button", name="Sign in with Test Wallet").click()
    expect(page.locator("#wallet-says")).to_contain_text("You have refused")
    page.evaluate("window.refuses = false; window.answers.eth_chainId = async () => '0x539'")
    page.get_by_role("button", name="Sign in with Test Wallet").click()
    expect(page.locator("#wallet-says")).to_contain_text("The wallet is on chain 1337")
    page.evaluate("window.answers.eth_chainId = async () => '0x1'")
    page.get_by_role("button", name="Sign in with Test Wallet").click()
    page.get_by_label("four").check()
    page.get_by_label("2", exact=True).check()
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not right.")
    page.get_by_label("4", exact=True).check()  # what was right is still chosen
    page.get_by_role("button", name="Answer").click()
    page.get_by_label("The code").fill("open sesame")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="Sign with my wallet").click()
    expect(page.get_by_text("3 of 3 done")).to_be_visible()
    page.get_by_role("button", name="Complete").click()
    expect(page.get_by_text("“The tour” is done: +120 XP.")).to_be_visible()
    expect(page.get_by_text("You have reached level 2.")).to_be_visible()
    page.get_by_role("link", name="What was this paid for?").click()
    expect(page.get_by_text(f"Signed by {ALICES.address}")).to_be_visible()


def test_a_page_hears_what_was_seen(stack: Stack, enter: Open, number: int) -> None:
    page = enter(BOBS)
    sign_in(page, f"/quests/{number}")
    is_live(page)
    other = page.context.new_page()
    other.goto(f"/quests/{number}")
    other.get_by_label("The code").fill("open sesame")
    other.get_by_role("button", name="Send").click()
    expect(other.get_by_text("1 of 3 done")).to_be_visible()
    # What she is about to say here must not get lost.
    page.get_by_label("four").check()
    page.get_by_label("four").focus()
    seen = {
        "questNumber": number, "title": "The tour", "stepId": "code", "stepTitle": "The word",
        "seen": 1, "needed": 1,
    }  # fmt: skip
    tell(stack, page, "quest:progress", seen)
    expect(page.get_by_role("status").get_by_text("The word: 1 of 1")).to_be_visible()
    expect(page.get_by_text("1 of 3 done")).to_be_visible()
    expect(page.get_by_label("four")).to_be_checked()
    expect(page.get_by_label("four")).to_be_focused()
    done = {
        "questNumber": 999, "title": "Elsewhere", "xpEarned": 1500, "held": False,
        "totalXP": 1500, "level": 6,
    }  # fmt: skip
    tell(stack, page, "quest:completed", done)
    expect(page.locator(".toasts")).to_contain_text("“Elsewhere” is done +1,500 XP")
    tell(stack, page, "level:up", {"level": 6})
    expect(page.locator(".toasts")).to_contain_text("You have reached level 6.")


def test_a_leaderboard_moves_while_it_is_looked_at(stack: Stack, enter: Open, number: int) -> None:
    page, visitor = enter(CHARLIES), enter(None)
    visitor.clock.install()
    sign_in(page, "/leaderboard")
    is_live(page)
    visitor.goto("/leaderboard")
    assert visitor.get_by_text("newcomer").count() == 0
    stack.manage(
        "shell", "-c",
        "from accounts.models import User; from quests.completions.correcting import award\n"
        "made = User.objects.create_user('newcomer'); who = User.objects.get(username='operator')\n"
        "award(player=made, amount=700, reason='Because', actor=who)",
    )  # fmt: skip
    tell(stack, page, "leaderboard:changed", {"board": 0})
    expect(page.get_by_role("row", name="newcomer")).to_contain_text("700")
    visitor.clock.run_for(16_000)
    expect(visitor.get_by_role("row", name="newcomer")).to_contain_text("700")


def test_her_own_lines_come_while_she_reads_them(enter: Open, stack: Stack) -> None:
    page = enter(TestWallet(b"\x81" * 32))
    sign_in(page, "/me")
    is_live(page)
    name = page.locator(".menu__name").inner_text()
    for reason in ("For the chairs", "For the cake"):
        stack.manage(
            "shell", "-c",
            "from accounts.models import User; from quests.completions.correcting import award\n"
            f"her = User.objects.get(username={name!r})\n"
            f"award(player=her, amount=700, reason={reason!r}, actor=her)",
        )  # fmt: skip
        tell(stack, page, "xp:changed", {})
        line = page.locator("details.entry").filter(has_text=reason)
        expect(line).to_be_visible()
        line.locator("summary").click()
    expect(page.locator("details.entry[open]")).to_have_count(2)
    expect(page.get_by_label("Level and rank")).to_contain_text("1,400")


def test_without_a_wallet_it_is_said_so(enter: Open) -> None:
    page = enter(None)
    page.goto("/login")
    page.get_by_role("button", name="Sign in with a wallet").click()
    expect(page.locator("#wallet-says")).to_contain_text("There is no wallet in this browser.")


def test_the_keyboard_is_enough(enter: Open, stack: Stack) -> None:
    (number,) = stack.make_quests({"title": "By hand", "steps": [CODE]})
    page = enter(CHARLIES)
    sign_in(page, f"/quests/{number}")

    def tab_to(name: str) -> None:
        focused = page.locator(":focus")

        def is_there() -> bool:
            page.keyboard.press("Tab")
            said = "el => (el.labels?.[0] ?? el).textContent.trim()"
            return focused.count() == 1 and focused.evaluate(said) == name

        wait_until(is_there)
        outline = focused.evaluate("el => getComputedStyle(el).outlineStyle")
        assert outline != "none", f"nobody sees that the focus is on {name}"

    tab_to("The code")
    page.keyboard.type("open sesame")
    page.keyboard.press("Enter")
    page.wait_for_url("**#step-code")
    page.reload()
    tab_to("Complete")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You earned 10 XP")).to_be_visible()
    page.reload()
    page.locator(".menu summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()


def test_without_scripts_a_quest_is_played(stack: Stack, enter: Open, browser: Browser) -> None:
    (number,) = stack.make_quests({"title": "Plain", "steps": [CODE]})
    signed_in = enter(CHARLIES)
    sign_in(signed_in, "/quests")
    state = signed_in.context.storage_state()
    page = enter(None, storage_state=state, java_script_enabled=False)
    page.goto(f"/quests/{number}")
    page.get_by_label("The code").fill("open sesame")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="Complete").click()
    expect(page.get_by_text("You earned 10 XP")).to_be_visible()
