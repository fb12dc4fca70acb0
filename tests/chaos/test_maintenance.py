"""Maintenance in the running product: nothing is written, and nothing is lost."""

from typing import Any

import psycopg
import pytest
import requests

from tests.chaos.load import clicking
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.xdist_group("stack")


def make(stack: Stack) -> requests.Response:
    return stack.api.post(f"{stack.url}/api/links", json={"url": "https://a.test/"}, timeout=10)


def health(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{stack.url}/api/health", timeout=10).json()
    return found


def test_redirects_go_on_and_their_clicks_wait(stack: Stack) -> None:
    slug = stack.make_link(url="https://example.com/")["slug"]
    limited = stack.make_link(url="https://example.com/", maxClicks=1)["slug"]
    database_url = stack.env["DATABASE_URL"]
    stack.manage("maintenance", "on", "--message", "Back at noon.")
    try:
        # Each answer may come from any of the processes: all of them know.
        wait_until(lambda: {make(stack).status_code for _ in range(8)} == {503}, seconds=2)
        refused = make(stack).json()
        assert (refused["code"], refused["detail"]) == ("maintenance", "Back at noon.")
        assert stack.api.get(f"{stack.url}/api/links", timeout=10).status_code == 200
        wait_until(lambda: health(stack)["maintenance"], seconds=10)
        with (
            psycopg.connect(database_url) as shell,
            pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        ):
            shell.execute("UPDATE links_link SET click_count = 0")
        with clicking(stack.port, slug, clients=2) as clicks:
            wait_until(lambda: clicks.redirects > 200)
        assert set(clicks.statuses) == {302}
        assert [stack.click(limited).status_code for _ in range(2)] == [302, 410]
        stack.manage("drain_clicks", "--once", check=False)  # refused by the database
        assert stack.click_count(slug) == 0
    finally:
        stack.manage("maintenance", "off")
    wait_until(lambda: {make(stack).status_code for _ in range(8)} == {201}, seconds=2)
    stack.drain()
    assert stack.click_count(slug) == clicks.redirects
    report = stack.reconcile()
    assert report["clean"], report["differences"]
