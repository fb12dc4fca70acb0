"""Each journey without a mouse: what is to be done is reached with Tab, seen there, and done."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.accounts.siwe import TestWallet
from tests.journeys.browsers import Keyboard, Open, needs_chromium
from tests.quests.conftest import CODE
from tests.stack import Stack

pytestmark = [
    pytest.mark.xdist_group("second stack"),
    pytest.mark.timeout(300),
    needs_chromium,
]
PASSWORD = "the keys of the house"
PROOF = {"id": "proof", "kind": "proof", "title": "Your work", "config": {"forms": ["text"]}}


@pytest.fixture(scope="module")
def name(stack: Stack) -> str:
    """Of an operator, who is a creator and a player too."""
    made = f"keys-{uuid4().hex[:8]}"
    stack.manage(
        "shell", "-c",
        "from accounts.models import User\n"
        f"User.objects.create_superuser(username={made!r}, password={PASSWORD!r})",
    )  # fmt: skip
    return made


@pytest.fixture
def keys(stack: Stack, browser: Browser, name: str) -> Iterator[Keyboard]:
    """Signed in, by a password."""
    context = browser.new_context(base_url=stack.url)
    keyboard = Keyboard(context.new_page())
    keyboard.page.goto("/login")
    keyboard.press("Shift+Tab")  # the name has the focus already
    keyboard.fill("Username", name)
    keyboard.fill("Password", PASSWORD)
    keyboard.press("Enter")
    expect(keyboard.page.locator(".menu__name")).to_have_text(name)
    yield keyboard
    context.close()


def test_a_player_signs_in_with_a_wallet_plays_looks_around_and_leaves(
    enter: Open, stack: Stack
) -> None:
    title = f"By keys {uuid4().hex[:8]}"
    (number,) = stack.make_quests({"title": title, "steps": [CODE]})
    page = enter(TestWallet(b"\x71" * 32))
    keys = Keyboard(page)
    page.goto(f"/quests/{number}")
    keys.use("Skip to the content")
    keys.use("Sign in to play")
    page.wait_for_url("**/login?**")
    keys.use("Sign in with Test Wallet")
    page.wait_for_url(f"**/quests/{number}")
    keys.fill("The code", "open sesame")
    keys.press("Enter")
    page.wait_for_url("**#step-code")
    keys.use("Complete")
    expect(page.get_by_text("You earned 10 XP")).to_be_visible()

    keys.use("What was this paid for?")
    expect(page.get_by_role("heading", name="The verdict")).to_be_visible()
    keys.use("Leaderboard")
    expect(page.get_by_role("heading", name="Leaderboard")).to_be_visible()
    player = page.locator(".menu__name").inner_text()
    keys.use(player)  # a menu
    keys.use("Your profile and XP")
    expect(page.get_by_text(title)).to_be_visible()
    keys.use(player)
    keys.use("Sign out")
    expect(page.locator(".menu__name")).not_to_be_attached()


def test_somebody_talks_in_a_room(keys: Keyboard) -> None:
    page, room = keys.page, f"Room {uuid4().hex[:8]}"
    page.goto("/rooms")
    keys.fill("Name", room)
    keys.press("Enter")
    expect(page.get_by_role("heading", name=room)).to_be_visible()
    expect(page.locator("main[data-state=open]")).to_be_attached()
    bodies = page.locator("#messages .say__body")
    for words in ("One", "Two"):
        keys.fill("Your message", words) if words == "One" else keys.write(words)
        keys.press("Enter")
    expect(bodies).to_have_text(["One", "Two"])

    keys.to("Edit", key="Shift+Tab")
    keys.press("Enter")
    keys.press("End")
    keys.write("!")
    keys.press("Enter")
    expect(bodies).to_have_text(["One", "Two!"])
    page.reload()
    expect(page.locator("main[data-state=open]")).to_be_attached()
    keys.use("Delete")
    keys.to("Delete it")
    keys.press("Enter")
    expect(bodies).to_have_text(["This message was deleted.", "Two!"])


def test_a_creator_makes_a_link_and_takes_its_picture(keys: Keyboard) -> None:
    page, slug = keys.page, f"keys-{uuid4().hex[:8]}"
    page.goto("/links")
    keys.fill("Where to", "https://example.com/")
    keys.fill("Short name", slug)
    keys.press("Enter")
    expect(page.get_by_text("Your link is ready")).to_be_visible()
    page.goto("/links")
    keys.use(slug)
    keys.use("Edit")
    keys.fill("Title", "By hand")
    keys.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    keys.use("QR code")
    with page.expect_download() as taken:
        keys.use("Download SVG")
    assert taken.value.suggested_filename == f"{slug}.svg"
    keys.use("By hand")
    keys.use("Try it")
    expect(page.get_by_role("heading", name="Who is sent where?")).to_be_visible()
    keys.use("By hand")
    keys.use("Delete")
    keys.use("Delete it")
    page.wait_for_url("**/links")


def test_an_operator_decides_on_what_was_sent_in(keys: Keyboard, stack: Stack, name: str) -> None:
    page = keys.page
    (number,) = stack.make_quests({"title": f"Sent in {uuid4().hex[:8]}", "steps": [PROOF]})
    page.goto(f"/quests/{number}")
    keys.fill("A text", "Look at what I made.")
    keys.use("Send for review")
    expect(page.get_by_text("Waiting for review")).to_be_visible()

    page.goto("/admin/")
    keys.use("Review queue")
    expect(page.get_by_text("Look at what I made.")).to_be_visible()
    with page.expect_navigation():
        keys.use("Approve")
    page.goto(f"/quests/{number}")
    expect(page.get_by_text("1 of 1 done")).to_be_visible()
