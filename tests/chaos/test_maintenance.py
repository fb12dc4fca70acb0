"""Maintenance in the running product: nothing is written, and nothing is lost."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import requests
from django.urls import URLPattern, get_resolver

from tests.chaos.crowd import make_people
from tests.chaos.load import clicking
from tests.realtime.talkers import Talker
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.xdist_group("stack")
# Requests that are hardly all answered by the same one of two processes, however busy the other is.
ENOUGH = 40


def make(stack: Stack) -> requests.Response:
    """Over a connection of its own: any of the processes may answer."""
    return stack.api.post(
        f"{stack.url}/api/links",
        json={"url": "https://a.test/"},
        headers={"Connection": "close"},
        timeout=10,
    )


def health(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{stack.url}/api/health", timeout=10).json()
    return found


def every_path() -> list[str]:
    """Of all that Django serves, with something in the place of each variable."""

    def walk(patterns: Any, before: str = "") -> Iterator[str]:
        for one in patterns:
            route = before + str(one.pattern)
            if isinstance(one, URLPattern):
                yield route
            else:
                yield from walk(one.url_patterns, route)

    samples = {"int": "1", "uuid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427"}
    routes = (route for route in walk(get_resolver().url_patterns) if not set(route) & set("^$()"))
    return ["/" + re.sub(r"<(?:(\w+):)?\w+>", lambda one: samples.get(one[1], "a"), route)
            for route in routes]  # fmt: skip


@contextmanager
def maintenance(stack: Stack) -> Iterator[None]:
    """Each answer may come from any of the processes: all of them know."""
    stack.manage("maintenance", "on", "--message", "Back at noon.")
    try:
        wait_until(lambda: {make(stack).status_code for _ in range(ENOUGH)} == {503}, seconds=20)
        yield
    finally:
        stack.manage("maintenance", "off")
    wait_until(lambda: {make(stack).status_code for _ in range(ENOUGH)} == {201}, seconds=20)


# Those who end it have to come in; a program that is not there says so, whatever it is asked.
ALWAYS = ("/admin/monitoring/maintenance/", "/admin/login/")


def test_every_route_shows_what_it_showed_and_takes_nothing(stack: Stack) -> None:
    paths = every_path()
    assert len(paths) > 200

    def shown(path: str) -> int:
        options: Any = {"timeout": 20, "allow_redirects": False, "stream": True}
        with stack.api.get(stack.url + path, **options) as answer:
            return answer.status_code

    def all_shown() -> dict[str, int]:
        return {path: shown(path) for path in paths}

    # Another test may just have broken a part of it, which is on its way back.
    wait_until(lambda: max(all_shown().values()) < 500, seconds=60)
    before = all_shown()
    assert {path for path, status in before.items() if status >= 500} == set()
    with maintenance(stack):
        assert all_shown() == before
        for path in paths:
            if path.startswith(ALWAYS):
                continue
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                answer = stack.api.request(method, stack.url + path, timeout=20)
                assert (answer.status_code, answer.json()["code"]) == (503, "maintenance"), path


def test_a_socket_is_shown_everything_and_says_nothing(stack: Stack) -> None:
    hers, his = make_people(stack, 2, ["closed-for-words"])
    with Talker(stack, hers) as alice, Talker(stack, his) as bob:
        for person in (alice, bob):
            person.join("closed-for-words")
        said = {"room": "closed-for-words", "body": "Before", "clientId": "before"}
        seq = alice.ask("message:send", **said)["data"]["seq"]
        his_id = bob.hear("ready")["userId"]
        with maintenance(stack):
            where = {"room": "closed-for-words"}
            refused = [
                alice.ask("message:send", **said | {"clientId": "while"}),
                alice.ask("message:edit", **where, seq=seq, body="Edited"),
                alice.ask("message:delete", **where, seq=seq),
                alice.ask("direct:send", to=his_id, body="Psst", clientId="direct"),
                bob.ask("receipt:read", **where, seq=seq),
            ]
            codes = {answer["data"]["code"] for answer in refused}
            assert codes == {"maintenance"}, refused
            (message,) = bob.ask("history:get", **where)["data"]["messages"]
            assert message["body"] == "Before"
            assert bob.ask("presence:list", **where)["data"]["present"] == 2
        assert alice.ask("message:send", **said | {"clientId": "after"})["event"] == "ack"


def test_redirects_go_on_and_their_clicks_wait(stack: Stack) -> None:
    slug = stack.make_link(url="https://example.com/")["slug"]
    limited = stack.make_link(url="https://example.com/", maxClicks=1)["slug"]
    database_url = stack.env["DATABASE_URL"]
    with maintenance(stack):
        refused = make(stack).json()
        assert (refused["code"], refused["detail"]) == ("maintenance", "Back at noon.")
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
    stack.drain()
    assert stack.click_count(slug) == clicks.redirects
    report = stack.reconcile()
    assert report["clean"], report["differences"]
