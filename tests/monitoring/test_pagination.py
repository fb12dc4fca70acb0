"""Walking through a list meets every row once, whatever ties, is null or arrives meanwhile."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import User

pytestmark = [pytest.mark.urls("tests.monitoring.doors"), pytest.mark.django_db]
START = datetime(2031, 1, 1, tzinfo=UTC)


def people(count: int) -> None:
    User.objects.bulk_create(
        User(username=f"u{n:03}", date_joined=START + timedelta(seconds=n)) for n in range(count)
    )


def page(client: Client, address: str) -> dict[str, Any]:
    response = client.get(address)
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    assert list(body) == ["next", "previous", "results"]
    return body


def walk(client: Client, address: str, link: str = "next") -> list[list[str]]:
    pages, following = [], address
    while following:
        body = page(client, following)
        pages.append([row["username"] for row in body["results"]])
        following = body[link]
        assert len(pages) < 100
    return pages


def test_pages_follow_each_other_and_lead_back(client: Client) -> None:
    people(7)
    assert walk(client, "/api/users?limit=3&sort=joined") == [
        ["u000", "u001", "u002"], ["u003", "u004", "u005"], ["u006"],
    ]  # fmt: skip
    first = page(client, "/api/users?limit=3&sort=joined")
    assert first["previous"] is None
    second = page(client, first["next"])
    last = page(client, second["next"])
    assert last["next"] is None
    assert page(client, second["previous"])["results"] == first["results"]
    assert walk(client, last["previous"], "previous") == [
        ["u003", "u004", "u005"], ["u000", "u001", "u002"],
    ]  # fmt: skip


def test_the_query_of_a_page_is_kept_in_its_links(client: Client) -> None:
    people(3)
    following = page(client, "/api/users?limit=1&sort=joined&search=u")["next"]
    assert following.startswith("http://testserver/api/users?")
    assert all(part in following for part in ("limit=1", "sort=joined", "search=u"))


def test_an_empty_list_is_a_page(client: Client) -> None:
    assert page(client, "/api/users") == {"next": None, "previous": None, "results": []}


def test_a_page_asks_one_question(client: Client, django_assert_num_queries: Any) -> None:
    people(5)
    following = page(client, "/api/users?limit=2")["next"]
    with django_assert_num_queries(1):
        page(client, following)


def test_a_row_that_arrives_meanwhile_shifts_nothing(client: Client) -> None:
    people(4)
    first = page(client, "/api/users?limit=2&sort=-joined")
    User.objects.create(username="newest", date_joined=START + timedelta(days=1))
    assert [row["username"] for row in page(client, first["next"])["results"]] == ["u001", "u000"]


def test_a_row_that_a_cursor_points_at_may_go(client: Client) -> None:
    people(4)
    first = page(client, "/api/users?limit=2&sort=joined")
    User.objects.filter(username="u001").delete()
    assert [row["username"] for row in page(client, first["next"])["results"]] == ["u002", "u003"]


class AnyOrder(TestCase):
    """hypothesis runs each example in a transaction of its own here."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        values=st.lists(st.none() | st.integers(0, 3), max_size=12),
        limit=st.integers(1, 5),
        sort=st.sampled_from(["name", "-name", "joined", "-joined", "lastLogin", "-lastLogin"]),
    )
    def test_every_row_is_met_once_in_both_directions(
        self, values: list[int | None], limit: int, sort: str
    ) -> None:
        for n, value in enumerate(values):
            moment = None if value is None else START + timedelta(days=value)
            User.objects.create(
                username=f"u{n}", first_name=f"{value or 0}", date_joined=moment or START,
                last_login=moment,
            )  # fmt: skip
        client = Client()
        pages = walk(client, f"/api/users?limit={limit}&sort={sort}")
        met = [name for names in pages for name in names]
        assert sorted(met) == sorted(f"u{n}" for n in range(len(values)))
        self.assert_ordered(sort, [User.objects.get(username=name) for name in met])
        self.walk_back(client, f"/api/users?limit={limit}&sort={sort}", pages)

    def assert_ordered(self, sort: str, rows: list[User]) -> None:
        column = {"name": "first_name", "joined": "date_joined", "lastLogin": "last_login"}
        found = [getattr(row, column[sort.lstrip("-")]) for row in rows]
        present = [value for value in found if value is not None]
        assert present == sorted(present, reverse=sort.startswith("-"))
        assert found == present + [None] * (len(found) - len(present))

    def walk_back(self, client: Client, address: str, pages: list[list[str]]) -> None:
        last = address
        while following := page(client, last)["next"]:
            last = following
        back = walk(client, last, "previous")
        assert [name for names in reversed(back) for name in names] == [
            name for names in pages for name in names
        ]


def cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


BAD = [
    "", "x", "!!!!", "é", "\x7f", "a" * 3000,
    cursor({}), cursor([]), cursor([0]), cursor([0, 1]), cursor([2, "2031-01-01T00:00:00Z", 1]),
    cursor([0, "2031-01-01T00:00:00Z", "x"]), cursor([0, "soon", 1]), cursor([0, None, 1]),
    cursor([0, "2031-01-01T00:00:00Z", 2**63]), cursor([0, "2031-01-01T00:00:00Z", True]),
    cursor([0, "2031-01-01T00:00:00Z", 1, 1]), cursor([0, ["a"], 1]), cursor([0, 1e400, 1]),
    cursor([[0], "2031-01-01T00:00:00Z", 1]), base64.urlsafe_b64encode(b"[" * 2000).decode()[:1999],
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_a_cursor_that_is_not_ours_is_refused(client: Client, bad: str) -> None:
    response = client.get("/api/users", {"cursor": bad})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


def test_a_text_in_a_cursor_holds_no_nul(client: Client) -> None:
    response = client.get("/api/users", {"sort": "name", "cursor": cursor([0, "\x00", 1])})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("bad", ["0", "-1", "101", "1.5", "x", "", "٣", "1" * 5000])
def test_a_limit_out_of_bounds_is_refused(client: Client, bad: str) -> None:
    response = client.get("/api/users", {"limit": bad})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")
    assert response.json()["errors"][0]["field"] == "limit"


def test_the_largest_page_is_a_hundred(client: Client) -> None:
    people(101)
    assert len(page(client, "/api/users?limit=100")["results"]) == 100
    assert len(page(client, "/api/users")["results"]) == 50
