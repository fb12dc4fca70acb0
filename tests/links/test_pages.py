"""The pages of links' owners, as a browser asks for them."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from links import services
from links.clicks.drain import drain_once
from links.models import ClickAllowance, Link, TargetChange
from links.redirect.click import ClickEvent, new_event_id
from monitoring.redis import durable
from tests.links.browser_form import untouched
from tests.links.conftest import CHROME, GOOGLEBOT, IPHONE, MakeLink, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def pages(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def address(link: Link, page: str = "") -> str:
    return f"/links/{link.public_id}{page}"


def click(link: Link, at: datetime | None = None, agent: str = CHROME, **said: str) -> ClickEvent:
    """A click of a visitor of its own, at `at`: the first bytes of its id say when."""
    event_id = bytearray(new_event_id())
    if at is not None:
        event_id[:6] = round(at.timestamp() * 1000).to_bytes(6)
    fields = {"agent": agent, "visitor": bytes(event_id[8:]), **said}
    return ClickEvent(bytes(event_id), link.pk, **fields)  # type: ignore[arg-type]


def drawn(page: str, name: str = "time") -> dict[str, Any]:
    """The data of a chart, as the script finds them."""
    pattern = rf'<script id="{name}-data" type="application/json">(.*?)</script>'
    found = re.search(pattern, page)
    assert found
    return dict(json.loads(found[1]))


def store(*events: ClickEvent) -> None:
    send(*events)
    drain_once(durable())


# --- Who may see what -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["", "/edit", "/delete", "/clicks", "/try", "/qr"])
def test_strangers_are_asked_to_sign_in(client: Client, make_link: MakeLink, page: str) -> None:
    wanted = address(make_link(), page)
    answer = client.get(wanted)
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next={wanted}")
    assert client.post("/links", {"url": "https://example.com/"})["Location"].startswith("/login")


@pytest.mark.parametrize("page", ["", "/edit", "/delete", "/clicks", "/try", "/qr"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_somebody_elses_link_is_not_there(pages: Client, bob: User, page: str, method: str) -> None:
    link = services.create_link(owner=bob, url="https://bob.example/", slug="bobs")
    answer = getattr(pages, method)(address(link, page), {"url": "https://alice.example/"})
    assert answer.status_code in {404, 405}
    assert method == "post" or answer.status_code == 404
    link.refresh_from_db()
    assert (link.url, link.deleted_at) == ("https://bob.example/", None)
    assert "bobs" not in text(pages.get("/links"))


# --- The list -------------------------------------------------------------------------------------


def test_the_list_asks_the_database_four_times(
    pages: Client, make_link: MakeLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        make_link(title=f"Link {number}", tags=["a", "b"], max_clicks=number or None)
    with django_assert_num_queries(4):  # the session, its person, how many links, and a page
        page = pages.get("/links")
    assert text(page).count('class="rows__title"') == 25


def test_the_next_page_keeps_the_search(pages: Client, make_link: MakeLink) -> None:
    for number in range(26):
        make_link(title=f"Poster {number}")
    make_link(title="Banner")
    page = text(pages.get("/links", {"search": "poster", "sort": "oldest"}))
    assert "26 found" in page
    assert "?search=poster&amp;sort=oldest&amp;page=2" in page
    last = text(pages.get("/links", {"search": "poster", "sort": "oldest", "page": 2}))
    assert re.findall(r"Poster \d+", last) == ["Poster 25"]


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999999999"])
@pytest.mark.parametrize("sort", ["", "nonsense"])
def test_a_page_that_is_none_is_still_answered(
    pages: Client, make_link: MakeLink, page: str, sort: str
) -> None:
    make_link(title="Here")
    assert "Here" in text(pages.get("/links", {"page": page, "sort": sort}))


def test_links_are_found_by_tag_and_sorted_by_clicks(pages: Client, make_link: MakeLink) -> None:
    few, many = make_link(title="Few", tags=["x"]), make_link(title="Many", tags=["x"])
    make_link(title="Other")
    store(click(few), click(many), click(many))
    shown = text(pages.get("/links", {"tag": "X", "sort": "clicks"}))
    assert re.findall(r"rows__title[^>]*>(\w+)<", shown) == ["Many", "Few"]


def test_a_search_without_a_match_says_so(pages: Client, make_link: MakeLink) -> None:
    make_link()
    assert "No link matches." in text(pages.get("/links", {"search": "nothing like it"}))


def test_the_first_visit_explains_what_to_do(pages: Client) -> None:
    assert "No links yet." in text(pages.get("/links"))


def states(make_link: MakeLink) -> dict[str, Link]:
    now, hour = timezone.now(), timedelta(hours=1)
    used_up = make_link(max_clicks=1)
    ClickAllowance.objects.filter(link=used_up).update(admitted=1)
    return {
        "Active": make_link(max_clicks=1),
        "Scheduled": make_link(starts_at=now + hour),
        "Ended": make_link(expires_at=now - hour),
        "Used up": used_up,
    }


@pytest.mark.parametrize("state", ["Active", "Scheduled", "Ended", "Used up"])
def test_a_badge_says_what_the_link_does_now(
    pages: Client, make_link: MakeLink, state: str
) -> None:
    link = states(make_link)[state]
    badge = re.search(r'class="badge badge--\w+">([^<]+)<', text(pages.get(address(link))))
    assert badge
    assert badge[1] == state


def test_password_and_limit_have_badges(pages: Client, make_link: MakeLink) -> None:
    plain, both = make_link(), make_link(password="x", max_clicks=3)
    assert ">Password</span>" not in text(pages.get(address(plain)))
    page = text(pages.get(address(both)))
    assert ">Password</span>" in page
    assert ">Limit</span>" in page


# --- Making ---------------------------------------------------------------------------------------


def test_a_new_link_is_shown_to_be_copied(pages: Client, alice: User) -> None:
    form = {"url": "https://example.com/a", "slug": "", "title": "A"}
    answer = pages.post("/links", form)
    link = Link.objects.get(owner=alice)
    assert (answer.status_code, answer["Location"]) == (302, f"/links?created={link.public_id}")
    shown = text(pages.get(answer["Location"]))
    assert "Your link is ready" in shown
    assert f'data-copy="{link.short_url}"' in shown


@pytest.mark.parametrize("created", ["x", "6b0ab9a4-6a3b-4fd1-9f4f-3b7a2d6c0f11"])
def test_a_link_that_was_not_made_is_not_shown(pages: Client, created: str) -> None:
    assert "Your link is ready" not in text(pages.get("/links", {"created": created}))


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"url": ""}, "url", "This field is required."),
        ({"url": "javascript:alert(1)"}, "url", "An address begins with http://"),
        ({"url": f"{settings.PUBLIC_URL}/x"}, "url", "cannot point at this service itself"),
        ({"slug": "taken"}, "slug", "“taken” is taken."),
        ({"slug": "retired"}, "slug", "it is not given out again"),
        ({"slug": "admin"}, "slug", "“admin” is reserved."),
        ({"slug": "a b"}, "slug", "A slug has letters, digits"),
        ({"title": "x" * 301}, "title", "at most 300 characters"),
    ],
)
def test_a_refusal_stands_beside_its_field_and_nothing_typed_is_lost(
    pages: Client, make_link: MakeLink, wrong: dict[str, str], field: str, sentence: str
) -> None:
    make_link(slug="taken")
    services.delete_link(link=make_link(slug="retired"))
    typed = {"url": "https://example.com/<b>", "slug": "mine", "title": "Mine & yours", **wrong}
    answer = pages.post("/links", typed)
    assert answer.status_code == 400
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert sentence in form.errors[field][0]
    assert f'aria-describedby="new_{field}_error"' in text(answer)
    assert f'id="new_{field}_error"' in text(answer)
    assert {name: form[name].value() for name in typed} == typed
    assert Link.objects.count() == 2


# --- A link's page --------------------------------------------------------------------------------


def test_the_link_page_costs_a_fixed_number_of_queries(
    pages: Client, make_link: MakeLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    link = make_link()
    store(*(click(link, agent=agent) for agent in (CHROME, IPHONE, GOOGLEBOT) for _ in range(9)))
    # The session, its person, the link; totals, series and eight break-downs; clicks and targets.
    with django_assert_num_queries(15):
        assert pages.get(address(link)).status_code == 200


def test_people_bots_and_visitors_are_told_apart(pages: Client, make_link: MakeLink) -> None:
    link = make_link()
    store(click(link), click(link, agent=IPHONE), click(link, agent=GOOGLEBOT))
    totals = re.findall(r"<dd data-figure=\"\w+\"> ([\d,]+) </dd>", text(pages.get(address(link))))
    assert totals == ["2", "2", "1", "3"]


def test_every_number_of_the_chart_stands_in_a_table_too(
    pages: Client, make_link: MakeLink
) -> None:
    link = make_link()
    store(click(link), click(link), click(link, agent=GOOGLEBOT))
    page = text(pages.get(address(link)))
    today = timezone.now()
    name = f"{today:%a} {today.day} {today:%b %Y}"
    (point,) = [place for place, people in enumerate(drawn(page)["people"]) if people]
    assert {key: values[point] for key, values in drawn(page).items() if key != "kind"} == {
        "labels": name,
        "marks": f"{today.day} {today:%b}",
        "people": 2,
        "bots": 1,
    }
    row = rf'<th scope="row">{name}</th> ' + "".join(
        rf'<td class="right">{number}</td> ?' for number in (2, 1, 2)
    )
    assert re.search(row, page)


def test_breakdowns_are_of_people_with_the_unknown_named(
    pages: Client, make_link: MakeLink
) -> None:
    link = make_link()
    store(
        click(link, country="DE", language="de", referrer="https://www.news.example/a"),
        click(link, agent=IPHONE, country="DE"),
        click(link),
        click(link, agent=GOOGLEBOT, country="US"),
    )
    shown = {part.key: part for part in pages.get(address(link)).context["breakdowns"]}
    lines = {key: [(s.label, s.clicks, s.percent) for s in b.shares] for key, b in shown.items()}
    assert lines["country"] == [("DE", 2, "67%"), ("Unknown", 1, "33%")]
    assert lines["referrer"] == [("Direct", 2, "67%"), ("news.example", 1, "33%")]
    assert lines["device"] == [("Desktop", 2, "67%"), ("Mobile", 1, "33%")]
    assert not {"variant", "rule"} & shown.keys()


def test_variants_are_broken_down_where_there_are_some(pages: Client, make_link: MakeLink) -> None:
    link = make_link()
    store(click(link, variant="Blue"), click(link, variant="Blue"), click(link))
    page = pages.get(address(link))
    first = page.context["breakdowns"][0]
    assert [(share.label, share.clicks) for share in first.shares] == [
        ("Blue", 2),
        ("No variant", 1),
    ]


def test_a_link_nobody_opened_says_so(pages: Client, make_link: MakeLink) -> None:
    page = text(pages.get(address(make_link())))
    assert '<p class="chart__none">No clicks in this period.</p>' in page
    assert "chart.js" not in page
    assert "No clicks yet." in page


@pytest.mark.parametrize(
    ("query", "bars"),
    [
        ({}, 30),
        ({"period": "24h"}, 24),
        ({"period": "7d"}, 7),
        ({"period": "90d", "tz": "Asia/Kathmandu"}, 90),
        ({"period": "nonsense"}, 30),
        ({"from": "2026-03-28", "to": "2026-03-30", "tz": "Europe/Berlin"}, 71),
        ({"from": "2026-10-25", "to": "2026-10-25", "tz": "Europe/Berlin"}, 25),
        ({"to": "2026-05-30"}, 30),
        ({"from": "2026-01-01", "to": "2026-12-31"}, 53),
        ({"from": "2000-01-01", "to": "2100-12-31"}, 1212),
    ],
)
def test_a_period_has_a_bar_for_each_step(
    pages: Client, make_link: MakeLink, query: dict[str, str], bars: int
) -> None:
    page = pages.get(address(make_link()), query)
    assert len(page.context["chart"].points) == bars
    assert not page.context["form"].errors


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ({"from": "2026-02-02", "to": "2026-02-01"}, "to", "This is before the first day."),
        ({"from": "yesterday"}, "from", "Enter a valid date."),
        ({"to": "9999-12-31"}, "to", "Choose a year from 2000 to 2100."),
        ({"tz": "Mars/Olympus"}, "tz", "There is no such time zone."),
    ],
)
def test_a_period_that_is_none_is_explained_beside_its_field(
    pages: Client, make_link: MakeLink, query: dict[str, str], field: str, sentence: str
) -> None:
    page = pages.get(address(make_link()), query)
    assert page.status_code == 200
    assert page.context["form"].errors == {field: [sentence]}
    assert sentence in text(page)


def test_days_and_times_are_those_of_the_chosen_zone(pages: Client, make_link: MakeLink) -> None:
    link = make_link()
    late = datetime.combine(timezone.now().date() - timedelta(days=3), datetime.min.time(), UTC)
    store(click(link, late + timedelta(hours=23, minutes=30)))
    tokyo = (late + timedelta(days=1)).date()
    page = pages.get(address(link), {"tz": "Asia/Tokyo"})
    (point,) = [point for point in page.context["chart"].points if point.counts.clicks]
    assert point.label.endswith(f"{tokyo.day} {tokyo:%b %Y}")
    assert f"{tokyo.day} {tokyo:%b}, 08:30:00" in text(page)


def test_the_time_zone_is_kept_from_page_to_page(pages: Client, make_link: MakeLink) -> None:
    link = make_link()
    page = text(pages.get(address(link), {"tz": "Asia/Tokyo"}))
    assert "?tz=Asia%2FTokyo&amp;period=7d" in page
    assert f"{address(link, '/edit')}?tz=Asia/Tokyo" in page
    assert '<option value="Asia/Tokyo" selected>' in page


def test_latest_clicks_and_former_targets_are_listed(pages: Client, make_link: MakeLink) -> None:
    link = make_link(url="https://example.com/old")
    services.update_link(link=link, changed_by=link.owner, url="https://example.com/new")
    store(click(link, country="DE", rule="Germans"))
    page = text(pages.get(address(link)))
    assert '<td data-label="Led to">Germans</td>' in page
    assert page.index("https://example.com/new</td>") < page.index("https://example.com/old</td>")


def test_what_a_target_is_called_is_escaped(pages: Client, make_link: MakeLink) -> None:
    link = make_link(title="<script>alert(1)</script>", url="https://example.com/?a='\"<x>")
    for page in (address(link), address(link, "/edit"), address(link, "/delete"), "/links"):
        assert "<script>alert" not in text(pages.get(page))


# --- Changing -------------------------------------------------------------------------------------


@pytest.fixture
def edit(pages: Client) -> Callable[..., HttpResponse]:
    """Open the form, type over some of its fields, and send it as a browser would."""

    def send_form(link: Link, **typed: object) -> HttpResponse:
        shown = untouched(pages.get(address(link, "/edit")), form_class="form")
        return pages.post(address(link, "/edit"), {**shown, **typed})

    return send_form


def test_a_changed_target_is_kept_in_the_history(
    edit: Callable[..., HttpResponse], make_link: MakeLink, alice: User
) -> None:
    link = make_link(title="Before", tags=["x"])
    answer = edit(link, url="https://example.com/new", tags="x, Y")
    assert (answer.status_code, answer["Location"]) == (302, f"{address(link)}?tz=UTC")
    link.refresh_from_db()
    assert (link.url, link.title, link.tags) == ("https://example.com/new", "Before", ["x", "y"])
    newest = TargetChange.objects.filter(link=link).first()
    assert newest
    assert (newest.url, newest.changed_by) == (link.url, alice)


def test_saving_without_a_change_writes_nothing(
    edit: Callable[..., HttpResponse], make_link: MakeLink
) -> None:
    starts_at = datetime(2031, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    link = make_link(starts_at=starts_at, password="x", forward_query=True, max_clicks=5)
    assert edit(link).status_code == 302
    link.refresh_from_db()
    assert (link.version, link.starts_at, link.has_password) == (1, starts_at, True)


def test_times_are_of_the_time_zone_that_is_chosen_with_them(
    edit: Callable[..., HttpResponse], make_link: MakeLink
) -> None:
    link = make_link()
    edit(link, expires_at="2031-07-01T12:00", tz="Europe/Berlin")
    link.refresh_from_db()
    assert link.expires_at == datetime(2031, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"url": "ftp://example.com/"}, "url", "An address begins with"),
        ({"url": ""}, "url", "This field is required."),
        (
            {"starts_at": "2031-01-02T00:00", "expires_at": "2031-01-01T00:00"},
            "expires_at",
            "A link must end after it starts.",
        ),
        ({"expired_url": "javascript:1"}, "expired_url", "An address begins with"),
        ({"max_clicks": "0"}, "max_clicks", "greater than or equal to 1"),
        ({"max_clicks": "9" * 5000}, "max_clicks", "Enter a whole number."),
        ({"tags": "x" * 51}, "tags", "A tag has at most 50 characters."),
        ({"tags": ",".join(map(str, range(21)))}, "tags", "A link has at most 20 tags."),
        ({"expires_at": "9999-12-31T23:59"}, "expires_at", "Choose a year from 2000 to 2100."),
        (
            {"expires_at": "2031-03-30T02:30", "tz": "Europe/Berlin"},
            "expires_at",
            "interpreted in time zone Europe/Berlin",
        ),
        ({"redirect_status": "200"}, "redirect_status", "200 is not one of the available choices"),
        ({"tz": "Mars/Olympus"}, "tz", "There is no such time zone."),
    ],
)
def test_an_edit_that_cannot_be_is_explained_and_kept(
    edit: Callable[..., HttpResponse],
    make_link: MakeLink,
    typed: dict[str, str],
    field: str,
    sentence: str,
) -> None:
    link = make_link(title="Before")
    answer = edit(link, title="After", **typed)
    assert answer.status_code == 400
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert sentence in form.errors[field][0]
    assert form["title"].value() == "After"
    assert {name: form[name].value() for name in typed} == typed
    link.refresh_from_db()
    assert link.version == 1


def test_an_old_form_does_not_undo_what_somebody_else_changed(
    pages: Client, make_link: MakeLink
) -> None:
    link = make_link(title="", tags=["old"])
    opened = pages.get(address(link, "/edit"))
    assert 'name="initial-title"' in text(opened)
    services.update_link(link=link, changed_by=link.owner, title="Found by itself", tags=["new"])
    shown = {"url": link.url, "title": "", "tags": "old", "redirect_status": "302"}
    old = {f"initial-{name}": value for name, value in shown.items()}
    pages.post(address(link, "/edit"), {**shown, **old, "max_clicks": "7"})
    link.refresh_from_db()
    assert (link.title, link.tags, link.max_clicks) == ("Found by itself", ["new"], 7)


def test_a_password_is_set_kept_and_taken_away(
    edit: Callable[..., HttpResponse], make_link: MakeLink
) -> None:
    link = make_link()
    edit(link, password=" open sesame ")
    link.refresh_from_db()
    stored = link.password_hash
    assert check_password(" open sesame ", stored)
    edit(link, title="Another")
    link.refresh_from_db()
    assert link.password_hash == stored
    edit(link, remove_password="on")
    link.refresh_from_db()
    assert not link.has_password


def test_a_wrong_form_never_sends_the_password_back(
    edit: Callable[..., HttpResponse], make_link: MakeLink
) -> None:
    assert "s3cret" not in text(edit(make_link(), password="s3cret", url=""))


# --- Deleting -------------------------------------------------------------------------------------


def test_deleting_asks_first_and_leaves_a_tombstone(pages: Client, make_link: MakeLink) -> None:
    link = make_link(slug="gone")
    assert "Delete this link?" in text(pages.get(address(link, "/delete")))
    link.refresh_from_db()
    assert link.deleted_at is None
    answer = pages.post(address(link, "/delete"), follow=True)
    assert "/gone is deleted." in text(answer)
    link.refresh_from_db()
    assert link.deleted_at is not None
    assert pages.get(address(link)).status_code == 404
    assert pages.post(address(link, "/delete")).status_code == 404


# --- What all pages have in common ----------------------------------------------------------------

# Data are no script: nothing runs them.
INLINE = re.compile(
    r"<script(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")|<style|\sstyle=|\son[a-z]+=|javascript:",
    re.IGNORECASE,
)


def test_no_page_needs_more_than_our_strict_policy(pages: Client, make_link: MakeLink) -> None:
    link = make_link(title="T", tags=["t"])
    store(click(link, country="DE"))
    paths = [
        "/links",
        *(address(link, page) for page in ("", "/edit", "/delete", "/try", "/qr")),
        "/nothing/here",
    ]
    for path in paths:
        page = pages.get(path)
        assert not INLINE.search(text(page)), path
        assert "unsafe" not in page["Content-Security-Policy"]
        assert not re.search(
            r'(?:src|href)="(?:https?:)?//(?!rally\.test|example\.com)', text(page)
        )


def test_signing_out_is_a_form(pages: Client) -> None:
    assert re.search(
        r'<form method="post" action="/logout"> <input[^>]+csrf', text(pages.get("/links"))
    )


def test_only_the_staff_sees_the_admin(pages: Client, client: Client, operator: User) -> None:
    assert 'href="/admin/"' not in text(pages.get("/links"))
    client.force_login(operator)
    assert 'href="/admin/"' in text(client.get("/links"))


def test_the_pages_of_the_redirect_load_our_stylesheet_and_no_script() -> None:
    for name in ("refusal", "password", "preview"):
        source = (settings.BASE_DIR / "templates/links/redirect" / f"{name}.html").read_text()
        assert 'href="/static/rallypoint/app.css"' in source
        assert not INLINE.search(source)
        assert "<script" not in source
        assert "{%" not in source


def test_the_stylesheet_asks_nobody_else_for_anything() -> None:
    folder = Path(settings.STATICFILES_DIRS[0]) / "rallypoint"
    for file in folder.glob("*.[cj]s*"):
        assert not re.search(r"url\(|@import|https?://", file.read_text()), file
