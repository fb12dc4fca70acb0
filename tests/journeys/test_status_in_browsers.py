"""The page of live figures and the status page, in a real browser under our policies."""

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browsers import needs_chromium
from tests.stack import Stack

PASSWORD = "correct horse battery"
pytestmark = [
    pytest.mark.xdist_group("second stack"),
    needs_chromium,
]


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """Where nothing may be refused by a policy, and no script may fail."""
    opened = browser.new_context(base_url=stack.url).new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield opened
    if place := os.environ.get("SCREENSHOTS"):
        opened.screenshot(path=f"{place}/{opened.title().split()[0]}.png", full_page=True)
    opened.context.close()
    assert errors == []


def test_figures_are_drawn_and_go_on(stack: Stack, page: Page) -> None:
    make = "from accounts.models import User; User.objects.create_superuser"
    stack.manage("shell", "-c", f"{make}(username='watcher', password='{PASSWORD}')")
    page.goto("/admin/login/?next=/admin/operations/")
    page.locator("input[name=username]").fill("watcher")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form [type=submit]").first.click()

    expect(page.locator("#op-status")).to_have_text(re.compile("(healthy|degraded), version"))
    expect(page.locator("#op-routes tr").first).to_be_visible()
    expect(page.locator("#op-series dt").first).to_be_visible()
    drawn = "Chart.getChart(document.querySelector('[data-chart=requests]')).data.labels.length"
    page.wait_for_function(f"{drawn} > 1", timeout=20_000)


def test_the_status_page_has_a_bar_a_day(page: Page) -> None:
    page.goto("/status")
    expect(page.get_by_role("heading", name="Status")).to_be_visible()
    expect(page.locator(".component")).to_have_count(5)
    expect(page.locator(".day")).to_have_count(5 * 90)
    box = page.locator(".day").first.bounding_box()
    assert (box or {"height": 0})["height"] > 20
