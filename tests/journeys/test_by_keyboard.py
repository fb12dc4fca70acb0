"""Each journey without a mouse: what is to be done is reached with Tab, seen there, and done."""

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.accounts.siwe import TestWallet
from tests.journeys.browsers import Keyboard, Open, needs_chromium
from tests.quests.conftest import CODE, QUIZ
from tests.stack import Stack

pytestmark = [
    pytest.mark.xdist_group("second stack"),
    pytest.mark.timeout(300),
    needs_chromium,
]


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
    keys.use("Pause")
    expect(page.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")
    keys.use("Delete")
    keys.use("Delete it")
    page.wait_for_url("**/links")


def test_a_player_answers_a_quiz_opens_her_own_address_and_reads_why_not(
    keys: Keyboard, stack: Stack
) -> None:
    page, slug = keys.page, f"keys-{uuid4().hex[:8]}"
    stack.make_link(slug=slug, url="https://example.com/read")
    visit = {"id": "visit", "kind": "visit_link", "title": "Read", "config": {"link": slug}}
    (number,) = stack.make_quests({"title": f"Read {slug}", "steps": [QUIZ, visit]})
    page.goto(f"/quests/{number}")
    keys.to("three")
    keys.press("ArrowDown")
    for even in ("2", "4"):
        keys.to(even)
        keys.press("Space")
    keys.press("Enter")
    expect(page.get_by_text("1 of 2 done")).to_be_visible()
    with page.context.expect_page() as opened:
        keys.use(f"Visit /{slug}")
    opened.value.close()
    keys.use("Why can I, or can I not?")
    expect(page.get_by_role("heading", name="The verdict")).to_be_visible()


def test_somebody_reads_up_to_the_beginning_says_that_she_is_busy_and_leaves(
    keys: Keyboard, stack: Stack
) -> None:
    page, room = keys.page, f"room-{uuid4().hex[:8]}"
    stack.manage(
        "shell", "-c",
        "from accounts.models import User; from realtime.rooms import create_room\n"
        "from realtime.messages.posting import post_message\n"
        "alice = User.objects.get(username='alice')\n"
        f"room = create_room(creator=alice, slug='{room}', name='{room}')\n"
        "for line in range(70): post_message(sender=alice, room=room, body=f'Line {line}')",
    )  # fmt: skip
    page.goto(f"/rooms/{room}")
    expect(page.locator("main[data-state=open]")).to_be_attached()
    keys.to("Messages")
    keys.press("Home")
    expect(page.get_by_text("Line 0", exact=True)).to_be_attached()
    keys.press("Home")
    expect(page.get_by_text(f"This is where {room} begins.")).to_be_in_viewport()

    keys.to("Your status")
    keys.write("Busy")
    keys.fill("Your note", "back at three")
    keys.press("Enter")
    expect(page.locator(".person").filter(has_text="back at three")).to_be_visible()
    keys.use("Leave this room")
    page.wait_for_url("**/rooms")
