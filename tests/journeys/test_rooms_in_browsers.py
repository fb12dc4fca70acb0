"""Rooms in real browsers: what people see while the network and the server come and go."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect

from tests.journeys.browsers import SECONDS, needs_chromium
from tests.stack import Stack, wait_until

PASSWORD = "correct horse battery"
pytestmark = [
    pytest.mark.xdist_group("second stack"),
    pytest.mark.timeout(300),
    needs_chromium,
]
Open = Callable[..., Page]
People = dict[str, requests.Session]


@pytest.fixture(scope="module")
def people(stack: Stack) -> People:
    """Who they are, and what they do over the API."""
    names = ("mira", "jonas", "ana")
    stack.manage(
        "shell", "-c",
        "from accounts.models import User\n"
        f"for name in {names}: User.objects.create_user(username=name, password='{PASSWORD}')",
    )  # fmt: skip
    return {name: _signed_in(stack, name) for name in names}


def _signed_in(stack: Stack, name: str) -> requests.Session:
    session = requests.Session()
    proof = {"username": name, "password": PASSWORD}
    answer = session.post(f"{stack.url}/api/auth/token", json=proof, timeout=10)
    session.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return session


@pytest.fixture
def room(stack: Stack, people: People) -> str:
    """Mira's, with Jonas in it."""
    slug = f"room-{uuid4().hex[:12]}"
    made = people["mira"].post(
        f"{stack.url}/api/rooms", json={"slug": slug, "name": "Harbour"}, timeout=10
    )
    assert made.status_code == 201, made.text
    say(stack, people["jonas"], slug, join=True)
    return slug


@pytest.fixture
def enter(stack: Stack, browser: Browser, people: People) -> Iterator[Open]:
    """`enter("mira", "/rooms/lobby")`: a browser of hers, on this page."""
    contexts, errors = [], []

    def note(error: Any) -> None:
        errors.append(error)

    def open_page(name: str, path: str, **options: Any) -> Page:
        context = browser.new_context(base_url=stack.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.on("pageerror", note)
        page.goto(f"/login?next={path}")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"**{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def say(
    stack: Stack, session: requests.Session, room: str, *bodies: str, join: bool = False
) -> None:
    if join:
        me = session.get(f"{stack.url}/api/auth/me", timeout=10).json()["user"]["id"]
        answer = session.put(f"{stack.url}/api/rooms/{room}/members/{me}", json={}, timeout=10)
        assert answer.status_code == 200, answer.text
    for body in bodies:
        answer = session.post(
            f"{stack.url}/api/rooms/{room}/messages", json={"body": body}, timeout=10
        )
        assert answer.status_code == 201, answer.text


def stored(stack: Stack, session: requests.Session, room: str) -> list[str]:
    history = session.get(f"{stack.url}/api/rooms/{room}/messages?limit=200", timeout=10).json()
    return [message["body"] for message in history["messages"]]


def bodies(page: Page) -> Locator:
    return page.locator("#messages .say__body")


def is_live(page: Page) -> None:
    expect(page.locator("main[data-state=open]")).to_be_visible()
    expect(page.locator("#present")).to_contain_text("here now")


def type_in(page: Page, body: str) -> None:
    page.get_by_label("Your message").fill(body)
    page.get_by_label("Your message").press("Enter")


def change(page: Page, body: str, into: str) -> None:
    message = page.locator("#messages .say").filter(has_text=body)
    message.hover()
    message.get_by_role("button", name="Edit").click()
    page.get_by_label("Change your message").fill(into)
    page.get_by_label("Change your message").press("Enter")


# --- Talking --------------------------------------------------------------------------------------
def test_two_people_talk(room: str, enter: Open) -> None:
    mira, jonas = enter("mira", f"/rooms/{room}"), enter("jonas", f"/rooms/{room}")
    for page in (mira, jonas):
        expect(page.get_by_text("Nothing has been said here yet.")).to_be_visible()
        expect(page.locator("#present")).to_have_text("2 here now")
    mira.get_by_label("Your message").press_sequentially("Hello @jonas")
    expect(jonas.get_by_text("mira is typing…")).to_be_visible()
    mira.get_by_label("Your message").press("Shift+Enter")
    mira.get_by_label("Your message").press_sequentially("<b>two lines</b>")
    mira.get_by_label("Your message").press("Enter")
    expect(bodies(jonas)).to_have_count(1)
    type_in(jonas, "Hello mira")
    for page in (mira, jonas):
        expect(bodies(page)).to_have_text(["Hello @jonas\n<b>two lines</b>", "Hello mira"])
        expect(page.locator("#pending li")).to_have_count(0)
        expect(page.locator("#typing")).to_be_empty()
    expect(jonas.locator(".mention--me")).to_have_text("@jonas")
    assert mira.locator("#messages b").count() == 0


def test_a_status_is_seen_by_the_others(room: str, enter: Open) -> None:
    mira, jonas = enter("mira", f"/rooms/{room}"), enter("jonas", f"/rooms/{room}")
    is_live(mira)
    is_live(jonas)
    mira.get_by_label("Your note").fill("back at 3")
    mira.get_by_label("Your status").select_option("busy")
    hers = jonas.locator(".person[data-status=busy]")
    expect(hers).to_contain_text("mira")
    expect(hers).to_contain_text("back at 3")
    mira.close()
    expect(jonas.locator("#present")).to_have_text("1 here now")


def test_what_was_said_is_changed_and_taken_back(
    stack: Stack, people: People, room: str, enter: Open
) -> None:
    say(stack, people["mira"], room, "First", "Second")
    mira, jonas = enter("mira", f"/rooms/{room}"), enter("jonas", f"/rooms/{room}")
    is_live(mira)
    is_live(jonas)
    change(mira, "First", "First, mended")
    expect(bodies(jonas)).to_have_text(["First, mended", "Second"])
    expect(jonas.get_by_text("edited")).to_have_count(2)  # one of them hidden
    second = mira.locator("#messages .say").last
    second.hover()
    second.get_by_role("button", name="Delete").click()
    mira.get_by_role("button", name="Delete it").click()
    for page in (mira, jonas):
        expect(bodies(page)).to_have_text(["First, mended", "This message was deleted."])


def test_the_page_speaks_without_javascript(room: str, enter: Open) -> None:
    page = enter("mira", f"/rooms/{room}", java_script_enabled=False)
    page.get_by_label("Your message").fill("By form")
    page.get_by_role("button", name="Send").click()
    expect(bodies(page)).to_have_text(["By form"])


# --- Reading --------------------------------------------------------------------------------------
def test_older_messages_come_without_a_jump(
    stack: Stack, people: People, room: str, enter: Open
) -> None:
    say(stack, people["jonas"], room, *(f"Message {number}" for number in range(1, 131)))
    page = enter("mira", f"/rooms/{room}")
    is_live(page)
    expect(bodies(page)).to_have_count(50)
    seen = page.get_by_text("Message 81", exact=True)
    before = seen.evaluate(
        "(it) => { it.scrollIntoView({ block: 'start' }); return it.getBoundingClientRect().top; }"
    )
    expect(bodies(page)).to_have_count(100)
    assert abs(_top(seen) - before) <= 1
    page.locator("#log").evaluate("(log) => { log.scrollTop = -log.scrollHeight; }")
    expect(bodies(page)).to_have_count(130)
    page.locator("#log").evaluate("(log) => { log.scrollTop = -log.scrollHeight; }")
    expect(page.get_by_text("This is where Harbour begins.")).to_be_in_viewport()


def test_what_is_said_below_moves_nothing_and_is_a_button_away(
    stack: Stack, people: People, room: str, enter: Open
) -> None:
    say(stack, people["jonas"], room, *(f"Message {number}" for number in range(1, 51)))
    page = enter("mira", f"/rooms/{room}")
    is_live(page)
    page.locator("#log").evaluate("(log) => { log.scrollTop = -log.scrollHeight; }")
    seen = page.get_by_text("Message 2", exact=True)
    before = _top(seen)
    say(stack, people["jonas"], room, "News", "More news")
    newest = page.get_by_role("button", name="2 new")
    expect(newest).to_be_visible()
    assert abs(_top(seen) - before) <= 1
    newest.click()
    expect(page.get_by_text("More news", exact=True)).to_be_in_viewport()
    expect(page.locator("#jump")).to_be_hidden()


def _top(element: Locator) -> float:
    return float(element.evaluate("(it) => it.getBoundingClientRect().top"))


def test_what_is_new_is_marked_and_read_when_it_is_seen(
    stack: Stack, people: People, room: str, enter: Open
) -> None:
    say(stack, people["mira"], room, "Old")
    say(stack, people["jonas"], room, "New one", "New two")
    lists = enter("mira", "/rooms")
    row = lists.get_by_role("listitem").filter(has=lists.locator(f'a[href="/rooms/{room}"]')).first
    expect(row).to_contain_text("new")
    page = enter("mira", f"/rooms/{room}")
    marked = page.locator(".say").filter(has=page.locator(".say__new:visible"))
    expect(marked.locator(".say__body")).to_have_text("New one")

    def unread() -> int:
        mine = people["mira"].get(f"{stack.url}/api/rooms/mine?limit=100", timeout=10).json()
        return next(int(one["unread"]) for one in mine["results"] if one["slug"] == room)

    expect(page.locator("main")).to_have_attribute("data-read", "3")
    assert unread() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_on_a_small_phone(
    stack: Stack, people: People, room: str, enter: Open, scheme: str
) -> None:
    say(stack, people["jonas"], room, "w" * 400, "https://example.org/" + "x" * 300)
    phone = {"viewport": {"width": 360, "height": 640}, "color_scheme": scheme}
    page = enter("mira", f"/rooms/{room}", **phone)
    is_live(page)
    for path in (f"/rooms/{room}", "/rooms"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.goto(f"/rooms/{room}")
    is_live(page)
    assert page.locator("#log").evaluate("(log) => log.scrollWidth - log.clientWidth") == 0
    page.get_by_role("button", name="People").click()
    expect(page.get_by_label("Your status")).to_be_visible()


# --- The network and the server come and go -------------------------------------------------------
def test_who_was_offline_misses_nothing_and_is_heard_in_order(
    stack: Stack, people: People, room: str, enter: Open
) -> None:
    mira, jonas = enter("mira", f"/rooms/{room}"), enter("jonas", f"/rooms/{room}")
    is_live(mira)
    is_live(jonas)
    type_in(jonas, "Before")
    expect(bodies(mira)).to_have_text(["Before"])
    mira.context.set_offline(True)
    expect(mira.locator("#banner")).to_contain_text("Connection lost, trying again in")
    expect(jonas.locator("#present")).to_have_text("1 here now")
    type_in(jonas, "Meanwhile")
    change(jonas, "Before", "Before, mended")
    expect(bodies(jonas)).to_have_text(["Before, mended", "Meanwhile"])
    for body in ("Typed 1", "Typed 2", "Typed 3"):
        type_in(mira, body)
    expect(mira.locator("#pending .say__note")).to_have_text(["Waiting for the connection"] * 3)
    mira.context.set_offline(False)
    expect(mira.locator("#banner")).to_contain_text("You are back.")
    expected = ["Before, mended", "Meanwhile", "Typed 1", "Typed 2", "Typed 3"]
    for page in (mira, jonas):
        expect(bodies(page)).to_have_text(expected)
    expect(mira.locator("#pending li")).to_have_count(0)
    assert stored(stack, people["mira"], room) == expected


def test_a_killed_server_loses_and_doubles_nothing(
    stack: Stack, people: People, room: str, enter: Open
) -> None:
    mira, jonas = enter("mira", f"/rooms/{room}"), enter("jonas", f"/rooms/{room}")
    is_live(mira)
    is_live(jonas)
    expected = []
    for turn in range(3):
        for worker in stack.web_workers():
            os.kill(worker, signal.SIGKILL)
        for number in range(3):
            type_in(mira, f"{turn}.{number}")
            expected.append(f"{turn}.{number}")
        for page in (mira, jonas):
            expect(bodies(page)).to_have_text(expected)
            expect(page.locator("#pending li")).to_have_count(0)
    assert stored(stack, people["mira"], room) == expected


def test_an_unanswered_message_is_sent_again_under_its_id(
    stack: Stack, people: People, room: str, enter: Open
) -> None:
    """The server has stored it; the connection breaks before its answer."""
    page = enter("mira", f"/rooms/{room}")
    swallowed: list[str] = []
    page.route_web_socket("**/ws/", partial(_without_the_first_ack, swallowed))
    page.reload()
    for body in ("Once", "Twice"):
        type_in(page, body)
    expect(bodies(page)).to_have_text(["Once", "Twice"])
    expect(page.locator("#pending li")).to_have_count(0)
    assert stored(stack, people["mira"], room) == ["Once", "Twice"]
    assert len(swallowed) == 1


def _without_the_first_ack(swallowed: list[str], route: Any) -> None:
    server = route.connect_to_server()

    def pass_on(text: str) -> None:
        if '"event":"ack"' in text and '"seq":1' in text and not swallowed:
            swallowed.append(text)
            server.close()
            route.close(code=1011, reason="lost")
        else:
            route.send(text)

    server.on_message(pass_on)


def test_a_server_that_stays_away_is_asked_less_and_less(room: str, enter: Open) -> None:
    page = enter("mira", f"/rooms/{room}")
    page.add_init_script("Math.random = () => 0.999")
    page.route_web_socket("**/ws/", lambda route: route.close(code=1011, reason="away"))
    page.reload()
    for seconds in (1, 2, 4):
        expect(page.locator("#banner")).to_have_text(
            re.compile(rf"No connection,\s+trying again in {seconds} s")
        )


def test_who_was_away_too_long_gets_the_newest_in_their_place(
    stack: Stack, people: People, room: str, enter: Open
) -> None:
    say(stack, people["jonas"], room, "Long ago")
    page = enter("mira", f"/rooms/{room}")
    is_live(page)
    page.context.set_offline(True)
    expect(page.locator("#banner")).to_be_visible()
    say(stack, people["jonas"], room, *(f"Message {number}" for number in range(1, 211)))
    page.context.set_offline(False)
    expect(bodies(page)).to_have_text([f"Message {number}" for number in range(161, 211)])
    expect(page.get_by_text("Message 161", exact=True)).to_have_count(1)


def test_a_reload_of_the_server_is_hardly_noticed(room: str, stack: Stack, enter: Open) -> None:
    page = enter("mira", f"/rooms/{room}")
    is_live(page)
    stack.reload()
    type_in(page, "Still here")
    expect(bodies(page)).to_have_text(["Still here"])
    is_live(page)


def test_a_silent_connection_is_replaced(room: str, enter: Open) -> None:
    """As after a laptop's sleep: nothing has closed it, and nothing comes over it."""
    page = enter("mira", f"/rooms/{room}")
    page.clock.install()
    page.reload()
    is_live(page)
    page.clock.fast_forward("01:00:00")
    expect(page.locator("#banner")).to_contain_text("You are back.")
    type_in(page, "Awake")
    expect(bodies(page)).to_have_text(["Awake"])


def test_a_page_says_when_messages_may_be_late(room: str, stack: Stack, enter: Open) -> None:
    page = enter("mira", f"/rooms/{room}")
    is_live(page)
    with stack.killed(stack.valkey):
        expect(page.get_by_text("Messages may be late")).to_be_visible()
        type_in(page, "All the same")
        expect(bodies(page)).to_have_text(["All the same"])
    expect(page.get_by_text("Messages may be late")).to_be_hidden()


# --- Tokens ---------------------------------------------------------------------------------------
def test_a_token_is_renewed_before_it_ends(room: str, enter: Open) -> None:
    page = enter("mira", f"/rooms/{room}")
    sent: list[str] = []
    page.route_web_socket("**/ws/", partial(_soon_expiring, sent))
    page.reload()
    is_live(page)
    # Asking the page for anything lets what it sends be heard here.
    wait_until(lambda: page.title() and any("auth:refresh" in frame for frame in sent))
    type_in(page, "Renewed")
    expect(bodies(page)).to_have_text(["Renewed"])


def _soon_expiring(sent: list[str], route: Any) -> None:
    server = route.connect_to_server()

    def pass_on(text: str) -> None:
        route.send(text)
        if '"event":"ready"' in text:
            route.send('{"event":"auth:expiring","data":{"inMs":60000}}')

    def listen(text: str) -> None:
        sent.append(text)
        server.send(text)

    server.on_message(pass_on)
    route.on_message(listen)


def test_a_page_outlives_signing_out_everywhere(
    stack: Stack, people: People, room: str, enter: Open
) -> None:
    """Browser sessions go on, so the page gets a token of a new sign-in."""
    page = enter("ana", f"/rooms/{room}")
    is_live(page)
    with page.expect_response("**/rooms/token"):
        people["ana"].post(f"{stack.url}/api/auth/logout-everywhere", timeout=10)
    type_in(page, "Still me")
    expect(bodies(page)).to_have_text(["Still me"])
    expect(page.locator("#pending li")).to_have_count(0)


# --- Quests ---------------------------------------------------------------------------------------
def test_a_room_tells_of_quests_and_asks_who_is_there(
    stack: Stack, people: People, room: str, enter: Open
) -> None:
    step = {"id": "word", "kind": "secret_code", "title": "Word", "config": {"codes": ["heron"]}}
    (number,) = stack.make_quests({"title": "Be there", "steps": [step]})
    page = enter("mira", f"/rooms/{room}")
    is_live(page)
    page.get_by_label("Your message").focus()

    def tell(event: str, **data: Any) -> None:
        told = {"questNumber": number, "title": "Be there"} | data
        stack.manage("broadcast", json.dumps(told), "--json", "--event", event, "--room", room)

    def ask(seconds: float) -> None:
        until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        tell("quest:challenge", stepId="word", stepTitle="Word", word="heron", expiresAt=until)

    news = page.locator("#quest-news p")
    tell("quest:drop", left=12, total=50, room=room)
    tell("quest:drop", left=13, total=50, room=room)  # it comes late
    tell("quest:completed", xpEarned=40, held=False, totalXP=40, level=2)
    expect(news).to_have_text(
        ["12 of 50 places left: Be there", "Quest completed: Be there, +40 XP"]
    )
    expect(news.first.get_by_role("link")).to_have_attribute("href", f"/quests/{number}")

    ask(60)
    answer = page.get_by_label("still there? Type the word heron")
    expect(page.get_by_label("Your message")).to_be_focused()
    answer.fill("stork")
    answer.press("Enter")
    result = page.locator("#challenge-result")
    expect(result).to_contain_text("That is not the word.")
    answer.fill("Heron")
    answer.press("Enter")
    expect(result).to_have_text("Thank you, you were seen.")
    expect(answer).to_be_hidden()
    ask(1)
    expect(result).to_have_text("The time for the word is over.")
    expect(answer).to_be_hidden()


# --- Endings --------------------------------------------------------------------------------------
def test_who_is_kicked_is_told_so(stack: Stack, people: People, room: str, enter: Open) -> None:
    page = enter("jonas", f"/rooms/{room}")
    is_live(page)
    his = page.locator("main").get_attribute("data-user")
    people["mira"].delete(f"{stack.url}/api/rooms/{room}/members/{his}", timeout=10)
    expect(page.get_by_text("You were taken out of this room.")).to_be_visible()
    expect(page.get_by_label("Your message")).to_be_hidden()


def test_signing_out_on_one_page_ends_the_others(room: str, enter: Open) -> None:
    page = enter("mira", f"/rooms/{room}")
    is_live(page)
    other = page.context.new_page()
    other.goto("/links")
    other.locator(".menu summary").click()
    other.get_by_role("button", name="Sign out").click()
    expect(page.locator("#banner")).to_contain_text("You are signed out.")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
