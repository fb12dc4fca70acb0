"""Links as CSV: complete, harmless in a spreadsheet, and readable by an import."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from links import services
from links.models import Campaign, Link
from links.transfer import Action, apply_import, export_csv, plan_import, read_rows
from links.transfer.cells import shield, unshield

OURS = ("title", "description", "tags", "starts_at", "expires_at", "expired_url", "max_clicks")
REST = ("max_clicks_per_minute", "redirect_status", "forward_query", "crawlable", "utm", "rules")
FIELDS = ("slug", "domain", "url", "variants", "campaign__name", *OURS, *REST)
FULL: dict[str, Any] = {
    "url": "https://example.com/ä?q=a,b;c",
    "title": ' =HYPERLINK("http://evil.test"; "click")',
    "description": '\'=already shielded\r\nover two lines, "quoted"; and so on ',
    "tags": ["a,b", '"c"', "=d", "e|f"],
    "starts_at": datetime(2031, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    "expires_at": datetime(2032, 1, 2, tzinfo=UTC),
    "expired_url": "https://example.com/over",
    "max_clicks": 100,
    "max_clicks_per_minute": 10,
    "redirect_status": 308,
    "forward_query": True,
    "crawlable": True,
    "utm": {"utm_source": "-1+1", "utm_campaign": "ü"},
    "rules": [
        {
            "name": "évening",
            "when": {"device": ["mobile"], "startsAt": "2031-01-01T18:00:00Z", "query": {"a": "b"}},
            "url": "https://example.com/evening",
        }
    ],
    "variants": [
        {"name": "a", "url": "https://example.com/a", "weight": 3},
        {"name": "b", "url": "mailto:b@example.com", "weight": 1},
    ],
}


def exported(user: User) -> str:
    return "".join(export_csv(Link.objects.filter(owner=user, deleted_at=None).order_by("id")))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def columns(user: User) -> list[dict[str, Any]]:
    return list(Link.objects.filter(owner=user).order_by("id").values(*FIELDS))


@pytest.fixture
def links(alice: User) -> None:
    campaign = services.create_campaign(owner=alice, name="=Spring, 2031")
    services.create_link(owner=alice, slug="-spring", campaign=campaign, **FULL)
    services.create_link(owner=alice, slug="frühling", url="tel:+4930123")


@pytest.mark.django_db
def test_an_export_imports_to_the_same_links(alice: User, links: None) -> None:
    text, before = exported(alice), columns(alice)
    Link.objects.all().delete()
    Campaign.objects.all().delete()
    result = apply_import(alice, read_rows("csv", text.encode()))
    assert [row.reasons for row in result.rows] == [(), ()]
    assert columns(alice) == before
    assert [row["url"] for row in table(exported(alice))] == [row["url"] for row in table(text)]


@pytest.mark.django_db
def test_an_export_changes_nothing_where_it_came_from(alice: User, links: None) -> None:
    plan = plan_import(alice, read_rows("csv", exported(alice).encode()))
    assert [row.changes for row in plan.rows] == [(), ()]
    assert [row.action for row in plan.rows] == [Action.UNCHANGED, Action.UNCHANGED]


@pytest.mark.django_db
def test_no_cell_is_a_formula_to_a_spreadsheet(alice: User, links: None) -> None:
    cells = [cell for row in table(exported(alice)) for cell in row.values()]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not [cell for cell in cells if cell.lstrip()[:1] in {*"=+-@"}]


@pytest.mark.django_db
def test_an_export_says_that_there_is_a_password_and_not_which(alice: User) -> None:
    services.create_link(owner=alice, slug="x", url="https://a.test/", password="open sesame")
    text = exported(alice)
    assert table(text)[0]["hasPassword"] == "true"
    assert "sesame" not in text
    assert "argon2" not in text


@pytest.mark.django_db
def test_an_export_tells_what_a_reader_wants_to_know(alice: User, links: None) -> None:
    Link.objects.filter(slug="frühling").update(click_count=7)
    row = table(exported(alice))[1]
    assert row["shortUrl"] == "https://rally.test/frühling"
    assert row["clicks"] == "7"
    assert row["createdAt"].endswith("Z")


@pytest.mark.django_db
def test_an_export_begins_before_all_links_were_read(
    alice: User, links: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    lines = export_csv(Link.objects.filter(owner=alice))
    with django_assert_num_queries(0):
        assert next(lines).startswith("slug,domain,url,title,")
    with django_assert_num_queries(1):
        assert len(list(lines)) == 2


@given(st.text())
def test_a_shield_comes_off_again(text: str) -> None:
    assert unshield(shield(text)) == text


@given(st.sampled_from("=+-@\t\r\n＝＋－＠"), st.text(max_size=3))  # noqa: RUF001
def test_whatever_begins_like_a_formula_is_shielded(sign: str, rest: str) -> None:
    assert shield(sign + rest) == f"'{sign}{rest}"
    assert shield(f"'{sign}{rest}") == f"''{sign}{rest}"
