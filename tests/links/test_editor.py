"""The editor's rows of rules and variants, trials of what they do, the feed of clicks, QR codes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from links import services
from links.clicks.drain import drain_once
from links.models import Link
from monitoring.redis import durable
from tests.links.browser_form import untouched
from tests.links.conftest import GOOGLEBOT, MakeLink, event, send

pytestmark = pytest.mark.django_db

IOS = {"name": "iPhone", "when": {"os": ["iOS"]}, "url": "https://example.com/ios"}
GERMANS = {
    "name": "Germans",
    "when": {
        "device": ["mobile", "tablet"],
        "browser": ["Firefox"],
        "country": ["DE", "AT"],
        "language": ["de"],
        "query": {"ref": "poster", "n": "1"},
        "startsAt": "2031-01-02T03:04:05Z",
        "endsAt": "2031-02-02T03:04:00Z",
    },
    "url": "https://example.com/de",
}
SHORT = {"name": "short", "url": "https://example.com/s", "weight": 3}
LONG = {"name": "long", "url": "https://example.com/l", "weight": 1}

Edit = Callable[..., HttpResponse]


@pytest.fixture
def pages(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def edit(pages: Client) -> Edit:
    """Open the form, type over some of its fields, and send it as a browser would."""

    def send_form(link: Link, **typed: Any) -> HttpResponse:
        shown: dict[str, Any] = dict(
            untouched(pages.get(address(link, "/edit")), form_class="form")
        )
        for place, rule in enumerate(link.rules):
            # The reader keeps one value of a name; several boxes may be ticked.
            shown[f"rules-{place}-device"] = rule["when"].get("device", [])
        return pages.post(address(link, "/edit"), {**shown, **typed})

    return send_form


def address(link: Link, page: str = "") -> str:
    return f"/links/{link.public_id}{page}"


def names(answer: HttpResponse, kind: str = "rules") -> list[Any]:
    return [form["name"].value() for form in getattr(answer.context["editor"], kind).forms]


def store(link: Link, *agents: str) -> None:
    send(*(event(link, agent=agent) if agent else event(link) for agent in agents))
    drain_once(durable())


# --- Rows -----------------------------------------------------------------------------------------


def test_rules_and_variants_that_nobody_touched_are_not_written(
    edit: Edit, make_link: MakeLink
) -> None:
    link = make_link(rules=[IOS, GERMANS], variants=[SHORT, LONG])
    assert edit(link).status_code == 302
    assert edit(link, tz="Asia/Tokyo").status_code == 302
    link.refresh_from_db()
    assert (link.version, link.rules) == (1, [IOS, GERMANS])


def test_every_condition_is_shown_and_kept_when_another_rule_changes(
    edit: Edit, make_link: MakeLink
) -> None:
    link = make_link(rules=[IOS, GERMANS])
    assert edit(link, **{"rules-0-url": "https://example.com/new"}).status_code == 302
    link.refresh_from_db()
    to_the_minute = GERMANS["when"] | {"startsAt": "2031-01-02T03:04:00Z"}  # type: ignore[operator]
    assert link.rules == [
        IOS | {"url": "https://example.com/new"},
        GERMANS | {"when": to_the_minute},
    ]


def test_a_new_rule_and_new_variants_take_effect(edit: Edit, make_link: MakeLink) -> None:
    link = make_link()
    typed = {
        "rules-total": "1",
        "rules-0-name": "Phones",
        "rules-0-url": "https://example.com/m",
        "rules-0-device": ["mobile", "tablet"],
        "rules-0-country": "de, at",
        "rules-0-starts_at": "2031-07-01T12:00",
        "tz": "Europe/Berlin",
        "variants-total": "2",
        "variants-0-name": "a",
        "variants-0-url": "https://example.com/a",
        "variants-0-weight": "3",
        "variants-1-name": "b",
        "variants-1-url": "https://example.com/b",
        "variants-1-weight": "1",
    }
    assert edit(link, **typed).status_code == 302
    link.refresh_from_db()
    (rule,) = link.rules
    begins = datetime.fromisoformat(rule["when"].pop("startsAt"))
    assert begins == datetime(2031, 7, 1, 10, tzinfo=UTC)
    assert rule["when"] == {"device": ["mobile", "tablet"], "country": ["de", "at"]}
    assert [variant["weight"] for variant in link.variants] == [3, 1]


def test_what_somebody_else_changed_meanwhile_stays(
    pages: Client, edit: Edit, make_link: MakeLink
) -> None:
    link = make_link(rules=[IOS])
    old = untouched(pages.get(address(link, "/edit")), form_class="form")
    services.update_link(link=link, changed_by=link.owner, rules=[GERMANS])
    assert pages.post(address(link, "/edit"), {**old, "title": "Mine"}).status_code == 302
    link.refresh_from_db()
    assert (link.title, link.rules) == ("Mine", [GERMANS])


@pytest.mark.parametrize(
    ("deed", "left"),
    [
        ("rules:add", ["iPhone", "Germans", None]),
        ("rules:up:1", ["Germans", "iPhone"]),
        ("rules:down:0", ["Germans", "iPhone"]),
        ("rules:up:0", ["iPhone", "Germans"]),
        ("rules:remove:0", ["Germans"]),
        ("rules:remove:7", ["iPhone", "Germans"]),
        ("variants:add", ["iPhone", "Germans"]),
    ],
)
def test_buttons_of_rows_work_by_sending_the_form(
    edit: Edit, make_link: MakeLink, deed: str, left: list[str | None]
) -> None:
    link = make_link(rules=[IOS, GERMANS])
    answer = edit(link, deed=deed, title="Typed")
    assert (answer.status_code, names(answer)) == (200, left)
    assert answer.context["form"]["title"].value() == "Typed"
    assert b'class="error"' not in answer.content
    link.refresh_from_db()
    assert (link.version, link.rules) == (1, [IOS, GERMANS])


@pytest.mark.parametrize("total", ["-1", "x", "9" * 4000, "500"])
def test_a_number_of_rows_that_cannot_be_is_survived(
    edit: Edit, make_link: MakeLink, total: str
) -> None:
    assert edit(make_link(), **{"rules-total": total}).status_code == 302


@pytest.mark.parametrize("sent", ["", "null", "[1]", "{", '[{"device": 1}]'])
def test_what_was_shown_may_be_nonsense(edit: Edit, make_link: MakeLink, sent: str) -> None:
    link = make_link(rules=[IOS])
    assert edit(link, **{"initial-rules": sent}).status_code == 302
    link.refresh_from_db()
    assert link.rules == [IOS]


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"rules-0-url": ""}, "url", "This field is required."),
        ({"rules-0-url": "javascript:alert(1)"}, "url", "An address begins with http://"),
        ({"rules-0-country": "DE, Austria"}, "country", "“Austria”: a country has two letters"),
        ({"rules-0-language": "d"}, "language", "two to eight letters"),
        ({"rules-0-device": ["phone"]}, "device", "phone is not one of the available choices."),
        ({"rules-0-os": "x" * 61}, "os", "At most 60 characters each."),
        (
            {"rules-0-starts_at": "2031-02-01T00:00", "rules-0-ends_at": "2031-01-01T00:00"},
            "ends_at",
            "A rule must end after it starts.",
        ),
    ],
)
def test_a_refusal_stands_in_its_row_beside_its_field(
    edit: Edit, make_link: MakeLink, typed: dict[str, Any], field: str, sentence: str
) -> None:
    link = make_link(rules=[IOS])
    answer = edit(link, **typed)
    assert answer.status_code == 400
    (row,) = answer.context["editor"].rules.forms
    assert list(row.errors) == [field]
    assert sentence in row.errors[field][0]
    assert f'id="id_rules-0-{field}_error"' in answer.content.decode()
    link.refresh_from_db()
    assert link.version == 1


def test_two_rows_of_one_name_are_refused_above_the_rows(edit: Edit, make_link: MakeLink) -> None:
    answer = edit(make_link(variants=[SHORT, LONG]), **{"variants-1-name": "short"})
    assert answer.status_code == 400
    assert answer.context["editor"].variants.errors == ["Each needs a name of its own."]
    assert b"Each needs a name of its own." in answer.content


# --- Trials ---------------------------------------------------------------------------------------


def answers(page: HttpResponse) -> dict[str, str]:
    return {step.check: step.answer for step in page.context["verdict"].steps}


def test_a_trial_says_step_by_step_where_a_visitor_goes(pages: Client, make_link: MakeLink) -> None:
    link = make_link(rules=[IOS, GERMANS], variants=[LONG], password="x")
    page = pages.get(address(link, "/try"), {"agent": "android", "country": "us"})
    assert page.context["verdict"].url == "https://example.com/l"
    assert answers(page) == {
        "Password": "Asked for; taken as entered.",
        "Rule “iPhone”": "No, because the system is Android, not iOS.",
        "Rule “Germans”": "No, because the browser is Chrome Mobile, not Firefox.",
        "Variants": "“long”: each visitor keeps to one.",
        "Counted?": "Yes, among the people.",
    }
    assert "No, because the system is Android, not iOS." in page.content.decode()


@pytest.mark.parametrize(
    ("when", "asked", "answer"),
    [
        ({"country": ["DE"]}, {}, "No, because the country is unknown, not DE."),
        ({"country": ["DE"]}, {"country": "de"}, "Yes: all of it holds."),
        ({"language": ["de"]}, {"language": "fr-CH"}, "No, because the language is fr, not de."),
        ({"device": ["desktop"]}, {}, "No, because the device is mobile, not desktop."),
        ({"query": {"a": "b"}}, {"query": "?a=c"}, "No, because the address does not say a=b."),
        ({"query": {"a": "b"}}, {"query": "?a=b"}, "Yes: all of it holds."),
        (
            {"startsAt": "2031-07-01T10:00:00Z"},
            {"at": "2031-07-01T11:59", "tz": "Europe/Berlin"},
            "No, because it begins 1 Jul 2031, 12:00.",
        ),
        (
            {"endsAt": "2031-07-01T10:00:00Z"},
            {"at": "2031-07-01T10:00"},
            "No, because it ended 1 Jul 2031, 10:00.",
        ),
    ],
)
def test_a_trial_says_why_not(
    pages: Client, make_link: MakeLink, when: Any, asked: dict[str, str], answer: str
) -> None:
    link = make_link(rules=[{"name": "R", "when": when, "url": "https://example.com/r"}])
    page = pages.get(address(link, "/try"), {"agent": "iphone", **asked})
    assert answers(page)["Rule “R”"] == answer


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({"agent": "linux"}, "Yes, among the people."),
        ({"agent": "googlebot"}, "Yes, among the bots."),
        ({"agent": "own", "agent_text": "curl/8"}, "Yes, among the bots."),
        ({"prefetch": "on"}, "No: a prefetch is answered, and is not a click."),
        ({"at": "2030-01-01T00:00"}, "No: nobody was sent on."),
    ],
)
def test_a_trial_says_whether_it_would_count(
    pages: Client, make_link: MakeLink, asked: dict[str, str], answer: str
) -> None:
    link = make_link(expires_at=datetime(2029, 1, 1, tzinfo=UTC) if "at" in asked else None)
    assert answers(pages.get(address(link, "/try"), asked))["Counted?"] == answer
    link.refresh_from_db()
    assert link.click_count == 0


def test_a_trial_of_nobody_possible_is_explained(pages: Client, make_link: MakeLink) -> None:
    page = pages.get(address(make_link(), "/try"), {"country": "D1"})
    assert page.status_code == 400
    assert page.context["trial"].errors == {"country": ["A country has two letters, as DE."]}


def test_edits_are_tried_before_they_are_saved(edit: Edit, make_link: MakeLink) -> None:
    link = make_link()
    typed = {
        "rules-total": "1",
        "rules-0-name": "Phones",
        "rules-0-url": "https://example.com/m",
        "rules-0-device": ["mobile"],
        "trial-agent": "iphone",
        "deed": "try",
    }
    answer = edit(link, **typed)
    assert answer.context["verdict"].url == "https://example.com/m"
    assert names(answer) == ["Phones"]
    link.refresh_from_db()
    assert (link.version, link.rules) == (1, [])


def test_edits_that_cannot_be_are_not_tried(edit: Edit, make_link: MakeLink) -> None:
    answer = edit(make_link(rules=[IOS]), **{"rules-0-url": "ftp://x/", "deed": "try"})
    assert (answer.status_code, answer.context["verdict"]) == (400, None)
    assert "url" in answer.context["editor"].rules.forms[0].errors


# --- The feed -------------------------------------------------------------------------------------


def test_nothing_new_is_said_with_three_queries(
    pages: Client, make_link: MakeLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    link = make_link()
    with django_assert_num_queries(3):  # the session, its person, the link
        answer = pages.get(address(link, "/clicks"), {"after": "0"})
    assert (answer.status_code, answer.content) == (204, b"")


def test_new_clicks_come_with_the_figures_of_the_period(
    pages: Client, make_link: MakeLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    link = make_link()
    store(link, "", "", GOOGLEBOT)
    with django_assert_num_queries(5):  # and the figures, and the clicks
        told = pages.get(address(link, "/clicks"), {"after": "2", "period": "7d"}).json()
    assert told["after"] == "3"
    figures = {"humans": "2", "visitors": "0", "bots": "1", "clicks": "3", "ever": "3"}
    assert told["figures"] == figures
    assert told["rows"].count("<tr") == 3
    assert pages.get(address(link, "/clicks"), {"after": told["after"]}).status_code == 204


def test_a_feed_never_has_more_rows_than_the_page(pages: Client, make_link: MakeLink) -> None:
    link = make_link()
    store(link, *[""] * 25)
    assert pages.get(address(link, "/clicks")).json()["rows"].count("<tr") == 20


# --- QR codes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["", "4", "40", "41", "x"])
def test_a_qr_code_is_offered_in_both_formats_and_the_chosen_size(
    pages: Client, make_link: MakeLink, size: str
) -> None:
    link = make_link(slug="poster")
    page = pages.get(address(link, "/qr"), {"size": size} if size else {})
    wanted = size if size in {"4", "40"} else "8"
    assert page.status_code == (400 if size in {"41", "x"} else 200)
    for kind in ("svg", "png"):
        offered = f"/api/links/{link.public_id}/qr.{kind}?size={wanted}&amp;errorCorrection=m"
        assert offered in page.content.decode()
        assert f'download="poster.{kind}"' in page.content.decode()
        assert pages.get(offered.replace("&amp;", "&")).status_code == 200
    assert page.context["pixels"] == 33 * int(wanted)
