"""Every page of the demo, for people who see little, have no mouse or a small screen: judged by
audit.js in Chromium, in both schemes and two widths, and gone through with the keyboard."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect

from tests.journeys.browsers import Keyboard, needs_chromium
from tests.stack import Stack

pytestmark = [
    pytest.mark.xdist_group("second stack"),
    pytest.mark.timeout(300),
    needs_chromium,
]
AUDIT = Path(__file__).with_name("audit.js").read_text(encoding="utf-8")
# Of a first visit, compressed, in bytes.
MOST_TRANSFERRED = 150_000
MOST_TABS = 150
WIDTHS = (360, 1280)
NOT_THERE = ("/nothing-here", "/players/nobody-here", "/raffles/none", "/quests/999999")
# Quests stand here by their titles: their numbers are known when the demo is there.
VISITORS = (
    "/", "/quests", "/quests/{Say hello}", "/quests/{Know the house}", "/leaderboard",
    "/players/maya-demo", "/status", "/login", "/raffles", "/raffles/demo-autumn-draw",
    "/handbook+", "/developers", "/developers/realtime", "/embed/leaderboard", *NOT_THERE,
)  # fmt: skip
PLAYERS = (
    "/", "/quests", "/quests/{Know the house}", "/quests/{Know the house}/why",
    "/quests/{From the invitation to the stage}", "/quests/{Show what you made}",
    "/quests/{Come back for a week}", "/quests/{Sign the pledge}", "/me", "/rooms",
    "/rooms/demo-lobby",
)  # fmt: skip
OPERATORS = (
    "", "operations/", "quests/quest/", "quests/completion/integrity/",
    "quests/evidence/", "quests/evidence/review/", "quests/ledgerentry/", "quests/raffle/add/",
    "realtime/room/", "realtime/room/live/", "realtime/message/",
    "monitoring/limitedcaller/", "monitoring/maintenance/", "django_celery_beat/periodictask/",
    "django_celery_beat/periodictask/1/change/", "quests/raffle/1/change/", "auth/group/add/",
)  # fmt: skip
# What a page does by itself is done.
IDLE = "() => new Promise((done) => requestIdleCallback(done))"
TABBED = ("/", "/quests", "/login")
TRANSFERRED = """() => [...performance.getEntriesByType("navigation"),
  ...performance.getEntriesByType("resource")].reduce((sum, one) => sum + one.transferSize, 0)"""
# Where the focus is: its place in the document, and whether somebody sees that it is there.
FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const box = at.getBoundingClientRect();
  // A card is marked as a whole, by what its link spreads over it.
  const styles = [getComputedStyle(at), getComputedStyle(at, "::after")];
  return {
    place: [...document.querySelectorAll("*")].indexOf(at),
    what: at.outerHTML.slice(0, 100),
    seen: box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight,
    marked: styles.some((style) => style.content !== "none" && (style.boxShadow !== "none"
      || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)),
  };
}"""


@pytest.fixture(scope="module")
def demo(stack: Stack) -> Iterator[str]:
    """Its operator's password."""
    said = stack.manage("demo", "load")
    yield said.split("password ")[1].split()[0]
    stack.manage("demo", "clear", check=False)


@pytest.fixture(params=["light", "dark"])
def page(stack: Stack, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """What it complains of in its console fails the test too."""
    context = browser.new_context(base_url=stack.url, color_scheme=request.param)
    page, complaints = context.new_page(), list[str]()
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("console", lambda said: complaints.append(_complaint(said)))
    page.on("response", lambda answer: complaints.append(_refusal(answer)))
    yield page
    context.close()
    assert [complaint for complaint in complaints if complaint] == []


def _complaint(said: ConsoleMessage) -> str:
    """Chromium calls it an error that a page which is not there is not there."""
    where = said.location.get("url", "")
    is_expected = where.endswith(NOT_THERE)
    return f"{where}: {said.text}" if said.type == "error" and not is_expected else ""


def _refusal(answer: Response) -> str:
    is_expected = answer.status < 400 or answer.url.endswith(NOT_THERE)
    return "" if is_expected else f"{answer.url}: {answer.status}"


def numbered(page: Page, paths: Sequence[str]) -> list[str]:
    """Others have made quests here too."""
    numbers, address = {}, "/api/quests?limit=100"
    while address:
        answer = page.request.get(address).json()
        numbers |= {quest["title"]: quest["id"] for quest in answer["results"]}
        address = answer["next"]
    return [path.format_map(numbers) for path in paths]


def found_on(page: Page, *paths: str) -> list[str]:
    found = []
    for path in numbered(page, paths):
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            if width == WIDTHS[0]:
                page.goto(path)
                page.evaluate(IDLE)
            found += [f"{path} at {width}: {one}" for one in page.evaluate(AUDIT)]
    return found


@pytest.mark.usefixtures("demo")
def test_nothing_is_wrong_with_the_pages_of_visitors(page: Page) -> None:
    assert found_on(page, *VISITORS) == []


@pytest.mark.usefixtures("demo")
def test_nothing_is_wrong_with_the_pages_of_players(page: Page) -> None:
    page.goto("/login")
    page.get_by_role("button", name="demo player").click()
    page.wait_for_url("**/quests")
    assert found_on(page, *PLAYERS, "/links") == []


@pytest.mark.usefixtures("demo")
def test_nothing_is_wrong_with_the_page_of_an_appeal(page: Page) -> None:
    page.goto("/login")
    page.get_by_role("button", name="demo player").click()
    page.wait_for_url("**/quests")
    page.goto(*numbered(page, ["/quests/{Find a hole}"]))
    page.get_by_label("The code").fill("open source")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="Complete").click()
    page.get_by_text("Held for review").first.wait_for()
    page.goto("/me")
    appeal = page.get_by_role("link", name="Appeal").first.get_attribute("href")
    assert appeal
    assert found_on(page, appeal, "/quests/{Find a hole}") == []


def sign_in(page: Page, password: str, path: str) -> None:
    page.goto(f"/login?next={path}")
    page.get_by_label("Username").fill("demo")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{path}")


def test_nothing_is_wrong_with_the_pages_of_operators(page: Page, demo: str) -> None:
    sign_in(page, demo, "/admin/")
    quest = page.goto("/admin/quests/quest/") and page.locator("#result_list tbody th a").first
    assert quest
    pages = [f"/admin/{path}" for path in OPERATORS]
    change = quest.get_attribute("href") or ""
    assert found_on(page, *pages, change, change.replace("change/", "statistics/")) == []


def test_nothing_is_wrong_with_the_pages_of_creators(page: Page, demo: str) -> None:
    sign_in(page, demo, "/links")
    link = page.get_by_role("link", name="Spring meetup").first.get_attribute("href")
    assert (
        found_on(page, "/links", *(f"{link}{part}" for part in ("", "/edit", "/try", "/qr"))) == []
    )


@pytest.mark.usefixtures("demo")
def test_a_first_visit_is_light(stack: Stack, browser: Browser) -> None:
    heavy = {}
    for path in VISITORS:
        context = browser.new_context(base_url=stack.url)
        page = context.new_page()
        page.goto(*numbered(page, [path]), wait_until="load")
        size = page.evaluate(TRANSFERRED)
        context.close()
        assert size > 0
        if size > MOST_TRANSFERRED:
            heavy[path] = size
    assert heavy == {}


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("path", TABBED)
def test_the_keyboard_gets_through_in_order_and_sees_where_it_is(
    stack: Stack, browser: Browser, path: str
) -> None:
    context = browser.new_context(base_url=stack.url, reduced_motion="reduce")
    page = context.new_page()
    page.goto(path)
    steps = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        step = page.evaluate(FOCUSED)
        if step is None or (steps and step["place"] == steps[0]["place"]):
            break
        steps.append(step)
    else:
        pytest.fail(f"there is no end to {path}")
    context.close()
    assert len(steps) > 3
    assert [step["place"] for step in steps] == sorted(step["place"] for step in steps)
    assert [step["what"] for step in steps if not (step["seen"] and step["marked"])] == []


@pytest.fixture
def keys(stack: Stack, browser: Browser, demo: str) -> Iterator[Keyboard]:
    del demo
    context = browser.new_context(base_url=stack.url)
    yield Keyboard(context.new_page())
    context.close()


def test_a_visitor_finds_by_keyboard_a_quest_a_place_a_player_and_how_it_all_is(
    keys: Keyboard,
) -> None:
    page = keys.page
    page.goto("/")
    keys.use("Quests")
    page.wait_for_url("**/quests")
    keys.fill("Category", "Learning")
    keys.use("Filter")
    page.wait_for_url("**category=learning**")
    keys.use("Over")
    page.wait_for_url("**state=ended**")
    keys.use("The spring quiz")
    expect(page.get_by_role("heading", name="The spring quiz")).to_be_visible()
    keys.use("Leaderboard")
    keys.use("Spring season")
    page.wait_for_url("**season=demo-spring")
    first = page.get_by_role("table").get_by_role("link").first.inner_text()
    keys.use(first)
    expect(page.get_by_role("heading", name=first)).to_be_visible()
    keys.use("Status")
    expect(page.get_by_role("heading", name="Live rooms")).to_be_visible()


def test_a_demo_player_looks_by_keyboard_at_the_raffle(keys: Keyboard) -> None:
    page = keys.page
    page.goto("/")
    keys.use("Try as a demo player")
    page.wait_for_url("**/quests")
    keys.use("Raffles")
    keys.use("The autumn draw")
    expect(page.get_by_text("Commitment", exact=True)).to_be_visible()


def test_a_developer_copies_by_keyboard_an_example_in_her_language(keys: Keyboard) -> None:
    page = keys.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/developers")
    keys.use("JavaScript")
    keys.use("Copy")
    expect(page.get_by_text("Copied").first).to_be_visible()
    assert "await fetch(" in page.evaluate("navigator.clipboard.readText()")
    keys.use("Every event of the socket")
    expect(page.get_by_role("heading", name="join:room")).to_be_visible()
