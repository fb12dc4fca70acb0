"""The work of operators without a mouse: what waits for them, and what they may have to undo."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsers import Keyboard, needs_chromium
from tests.quests.conftest import CODE
from tests.stack import Stack

pytestmark = [
    pytest.mark.xdist_group("second stack"),
    pytest.mark.timeout(300),
    needs_chromium,
]
PROOF = {"id": "proof", "kind": "proof", "title": "Your work", "config": {"forms": ["text"]}}
OPEN, CLOSED = "No maintenance", "Maintenance is on"


def choose(keys: Keyboard, action: str, *, of: Page) -> None:
    """An action on the first line of a list, which takes what was chosen with the Space key."""
    keys.use("Skip to the content")
    keys.to("Select record")
    keys.press("Space")
    keys.to("Select action to run", key="Shift+Tab")
    keys.write(action)
    with of.expect_navigation():
        keys.use("Run")


def test_an_operator_approves_what_was_sent_in_and_sends_back_the_rest(
    keys: Keyboard, stack: Stack
) -> None:
    page, title = keys.page, f"Sent in {uuid4().hex[:8]}"
    numbers = stack.make_quests(*({"title": f"{title} {n}", "steps": [PROOF]} for n in (1, 2)))
    for number in numbers:
        page.goto(f"/quests/{number}")
        keys.fill("A text", f"Look at what I made: {number}.")
        keys.use("Send for review")
        expect(page.get_by_text("Waiting for review")).to_be_visible()

    page.goto("/admin/")
    keys.use("Review queue")
    page.wait_for_url("**/review/**")
    keys.use("Skip to the content")
    with page.expect_navigation():
        keys.use("Approve")
    keys.use("Skip to the content")
    keys.fill("Note for the player", "Tell me more.")
    with page.expect_navigation():
        keys.use("Reject")
    for number, seen in zip(numbers, ("1 of 1 done", "Tell me more."), strict=True):
        page.goto(f"/quests/{number}")
        expect(page.get_by_text(seen)).to_be_visible()


def test_an_operator_holds_what_was_paid_and_grants_the_appeal(
    keys: Keyboard, stack: Stack
) -> None:
    page, title = keys.page, f"Held {uuid4().hex[:8]}"
    (number,) = stack.make_quests({"title": title, "steps": [CODE]})
    page.goto(f"/quests/{number}")
    keys.fill("The code", "open sesame")
    keys.press("Enter")
    keys.use("Complete")
    expect(page.get_by_text("You earned 10 XP")).to_be_visible()

    page.goto("/admin/quests/completion/")
    choose(keys, "Hold", of=page)
    keys.use("Skip to the content")
    keys.fill("Reason", "Let me look.")
    with page.expect_navigation():
        keys.use("Hold")
    page.goto(f"/quests/{number}")
    expect(page.get_by_text("Held for review").first).to_be_visible()
    page.goto("/me")
    keys.use("Appeal")
    keys.fill("Why should it be paid?", "I was there.")
    keys.use("Appeal")
    expect(page.get_by_text("Waiting", exact=True)).to_be_visible()

    page.goto("/admin/")
    keys.use("Appeals")
    keys.use("Skip to the content")
    keys.to("Player")
    keys.to(page.locator("#result_list tbody th a").first.inner_text())
    keys.press("Enter")
    keys.use("Grant")
    keys.use("Skip to the content")
    keys.fill("Note for the player", "You were.")
    with page.expect_navigation():
        keys.use("Grant the appeal")
    page.goto(f"/quests/{number}")
    expect(page.get_by_text("You earned 10 XP")).to_be_visible()


def test_an_operator_takes_back_a_message(keys: Keyboard, stack: Stack) -> None:
    page, room = keys.page, f"room-{uuid4().hex[:8]}"
    page.goto("/rooms")
    keys.fill("Name", room)
    keys.press("Enter")
    expect(page.locator("main[data-state=open]")).to_be_attached()
    keys.fill("Your message", "What nobody should read")
    keys.press("Enter")
    expect(page.locator("#messages .say__body")).to_have_text("What nobody should read")
    at = page.url
    page.goto("/admin/realtime/message/")
    choose(keys, "Take back", of=page)
    page.goto(at)
    expect(page.locator("#messages .say__body")).to_have_text("This message was deleted.")


@pytest.fixture
def ends_open(stack: Stack) -> Iterator[None]:
    yield
    stack.manage("maintenance", "off")


@pytest.mark.usefixtures("ends_open")
def test_an_operator_closes_the_house_and_opens_it_again(keys: Keyboard) -> None:
    page = keys.page
    page.goto("/admin/")
    keys.use("Maintenance")
    for before, after in (OPEN, CLOSED), (CLOSED, OPEN):
        keys.use("Skip to the content")
        keys.use(before)
        keys.use("Skip to the content")
        keys.to("On")
        keys.press("Space")
        keys.use("Save")
        expect(page.get_by_role("link", name=after).first).to_be_visible()
