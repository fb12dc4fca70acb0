"""A list takes the parameters that it declares, each in its bounds, and no other."""

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.request import Request

from monitoring.wire.filters import (
    Choice,
    Day,
    Flag,
    Instant,
    Integer,
    Query,
    Several,
    Sort,
    Text,
)  # fmt: skip
from monitoring.wire.problem import Problem

QUERY = Query(
    search=Text(max_length=5),
    min_clicks=Integer(at_least=0),
    number=Integer(),
    bots=Flag(default=False),
    interval=Choice({"hour": 3600, "day": 86_400}, default=86_400),
    created_from=Instant(),
    on_day=Day(),
    group_by=Several(Choice(["country", "browser"])),
    sort=Sort({"createdAt": "created_at", "clicks": "click_count"}, default="-createdAt"),
)


def read(**parameters: Any) -> dict[str, Any]:
    return QUERY.read(Request(RequestFactory().get("/", parameters)))


def refused(**parameters: Any) -> tuple[str, list[str]]:
    """(code, fields)"""
    with pytest.raises(Problem) as raised:
        read(**parameters)
    assert raised.value.status_code == 400
    return raised.value.code, [str(error["field"]) for error in raised.value.errors]


def test_nothing_given_is_every_default() -> None:
    assert read() == {
        "search": None, "min_clicks": None, "number": None, "bots": False, "interval": 86_400,
        "created_from": None, "on_day": None, "group_by": (), "sort": ("-created_at",),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wire", "text", "name", "value"),
    [
        ("search", "Zürich"[:5], "search", "Züric"),
        ("minClicks", "12", "min_clicks", 12),
        ("number", "-9223372036854775808", "number", -(2**63)),
        ("bots", "TRUE", "bots", True),
        ("interval", "hour", "interval", 3600),
        ("createdFrom", "2031-01-02T03:04:05+01:00", "created_from",
         datetime(2031, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("createdFrom", "2031-01-02T03:04:05 01:00", "created_from",
         datetime(2031, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("createdFrom", "2031-01-02T03:04:05", "created_from",
         datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("onDay", "2031-01-02", "on_day", date(2031, 1, 2)),
        ("groupBy", "country, browser,country", "group_by", ("country", "browser")),
        ("sort", "clicks", "sort", ("click_count",)),
        ("sort", "-clicks", "sort", ("-click_count",)),
    ],
)  # fmt: skip
def test_a_value_is_read_as_its_type(wire: str, text: str, name: str, value: Any) -> None:
    assert read(**{wire: text})[name] == value


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("search", "sixsix"), ("search", "a\x00"), ("minClicks", "-1"), ("minClicks", "1.0"),
        ("minClicks", ""), ("minClicks", "٣"), ("minClicks", " 1"), ("number", f"{2**63}"),
        ("number", "1" * 10_000), ("bots", "maybe"), ("interval", "week"), ("createdFrom", "soon"),
        ("createdFrom", "2031-02-30T00:00:00Z"), ("createdFrom", "0001-01-01T00:00:00+23:00"),
        ("onDay", "2031-02-30"), ("onDay", "2031-01-02T00:00:00"), ("groupBy", "country,shoe"),
        ("groupBy", ",".join(["country"] * 21)), ("sort", "password"), ("sort", "--clicks"),
        ("sort", "click_count"), ("sort", ""),
    ],
)  # fmt: skip
def test_a_value_out_of_bounds_is_refused_by_name(wire: str, text: str) -> None:
    assert refused(**{wire: text}) == ("invalid_parameter", [wire])


def test_all_that_is_wrong_is_named_at_once() -> None:
    assert refused(minClicks="x", bots="y") == ("invalid_parameter", ["minClicks", "bots"])


def test_an_unknown_parameter_is_refused_and_the_known_are_told() -> None:
    assert refused(min_clicks="1") == ("unknown_parameter", ["min_clicks"])
    assert refused(searhc="a", search="b") == ("unknown_parameter", ["searhc"])


def test_a_parameter_given_twice_is_refused() -> None:
    assert refused(search=["a", "b"]) == ("invalid_parameter", ["search"])


def test_paging_is_known_where_there_are_pages() -> None:
    read(cursor="x", limit="5")
    with pytest.raises(Problem):
        Query(paged=False).read(Request(RequestFactory().get("/?limit=5")))


@given(st.dictionaries(st.sampled_from(list(QUERY.parameters)), st.text()))
def test_no_text_whatever_gets_past_as_an_internal_error(parameters: dict[str, str]) -> None:
    with suppress(Problem):
        read(**parameters)


@pytest.mark.urls("tests.monitoring.doors")
@pytest.mark.django_db
def test_a_view_answers_with_a_problem(client: Client) -> None:
    response = client.get("/api/users?colour=red")
    assert (response.status_code, response.json()["code"]) == (400, "unknown_parameter")
    assert "search" in response.json()["detail"]
