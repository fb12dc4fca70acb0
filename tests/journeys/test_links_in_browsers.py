"""The pages of links in a real browser: charts, clicks as they come, rules by keyboard."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browsers import needs_chromium
from tests.stack import Stack, wait_until

PASSWORD = "correct horse battery"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
pytestmark = [
    pytest.mark.xdist_group("second stack"),
    pytest.mark.timeout(120),
    needs_chromium,
]


@pytest.fixture(scope="module")
def page(stack: Stack, browser: Browser) -> Iterator[Page]:
    """Alice's, on a small phone; errors on the console are errors of the test."""
    stack.manage(
        "shell", "-c",
        "from accounts.models import User\n"
        "alice = User.objects.get(username='alice')\n"
        f"alice.set_password('{PASSWORD}'); alice.save()",
    )  # fmt: skip
    phone = {"width": 360, "height": 740}
    opened = browser.new_context(base_url=stack.url, viewport=phone).new_page()  # type: ignore[arg-type]
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.goto("/login?next=/links")
    opened.get_by_label("Username").fill("alice")
    opened.get_by_label("Password", exact=True).fill(PASSWORD)
    opened.get_by_role("main").get_by_role("button").click()
    opened.wait_for_url("**/links")
    yield opened
    opened.context.close()
    assert errors == []


@pytest.fixture
def link(stack: Stack) -> dict[str, str]:
    target = {"url": "https://example.com/desk", "title": "Poster"}
    return dict(stack.api.post(f"{stack.url}/api/links", json=target, timeout=10).json())


def click(stack: Stack, link: dict[str, str]) -> None:
    headers = {"User-Agent": IPHONE, "CF-IPCountry": "DE"}
    answer = requests.get(link["shortUrl"], headers=headers, allow_redirects=False, timeout=10)
    assert answer.status_code == 302
    stack.manage("drain_clicks", "--once")


_PIXELS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, place) => place % 4 === 3 && value > 0);
}"""


def test_a_click_appears_without_a_reload_and_is_drawn(
    stack: Stack, page: Page, link: dict[str, str]
) -> None:
    page.goto(f"/links/{link['id']}")
    expect(page.get_by_text("No clicks yet.")).to_be_visible()
    page.evaluate("window.stayed = true")
    click(stack, link)
    expect(page.locator("[data-feed-rows] tr")).to_contain_text(["Germany"])
    expect(page.locator("[data-figure=humans]")).to_have_text("1")
    expect(page.get_by_text("No clicks yet.")).to_be_hidden()
    assert page.evaluate("window.stayed")

    page.reload()
    chart = page.locator("[data-chart=time-data] canvas")
    expect(chart).to_be_visible()
    wait_until(lambda: chart.evaluate(_PIXELS))
    names = "Chart.getChart(document.querySelector('[data-chart=country-data] canvas')).data.labels"
    assert page.evaluate(names) == ["Germany"]
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    light = chart.evaluate("it => Chart.getChart(it).data.datasets[0].backgroundColor")
    page.emulate_media(color_scheme="dark")
    dark = chart.evaluate("it => Chart.getChart(it).data.datasets[0].backgroundColor")
    assert light != dark


def test_a_feed_can_be_paused(stack: Stack, page: Page, link: dict[str, str]) -> None:
    page.goto(f"/links/{link['id']}")
    pause = page.get_by_role("button", name="Pause")
    pause.click()
    click(stack, link)
    expect(pause).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-feed-state]")).to_have_text("UTC, paused")
    expect(page.locator("[data-feed-rows] tr")).to_have_count(0)
    pause.click()
    expect(page.locator("[data-feed-rows] tr")).to_have_count(1)


def test_a_rule_is_made_by_keyboard_alone_and_takes_effect(
    page: Page, link: dict[str, str]
) -> None:
    page.goto(f"/links/{link['id']}/edit")
    press, write = page.keyboard.press, page.keyboard.type
    _tab_to(page, "Add a rule")
    press("Enter")
    for word in ("Phones", "https://example.com/phone"):
        write(word)
        press("Tab")
    press("Tab")
    press("Space")  # Desktop was passed over, this is Phone
    _tab_to(page, "Add a rule")
    press("Enter")
    write("Second")
    press("Shift+Tab")
    press("Shift+Tab")
    press("Shift+Tab")
    press("Enter")
    names = page.locator("[name^=rules-][name$=-name]")
    expect(names).to_have_count(2)
    assert [one.input_value() for one in names.all()] == ["Second", "Phones"]
    _tab_to(page, "Remove this rule")
    press("Enter")
    expect(names).to_have_count(1)
    press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()

    page.goto(f"/links/{link['id']}/try?agent=iphone")
    expect(page.get_by_text("By the rule “Phones” this visitor goes to:")).to_be_visible()
    expect(page.locator(".target")).to_have_text("https://example.com/phone")
    page.goto(f"/links/{link['id']}/try?agent=windows")
    expect(page.get_by_text("No, because the device is desktop, not mobile.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def _tab_to(page: Page, name: str) -> None:
    """With the Tab key, until the button of this name has the focus."""
    focused = "(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()"
    for _ in range(80):
        if page.evaluate(focused) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {name}")
