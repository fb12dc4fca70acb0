"""The operators' pages about links and clicks."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import User
from links import services
from links.clicks.drain import drain_once
from links.models import (
    Campaign,
    ClickAllowance,
    ClickIssuer,
    ClickStream,
    Link,
    OrphanSlug,
    TargetChange,
)
from links.redirect.directory import cache_key
from monitoring.redis import durable
from tests.links.browser_form import untouched
from tests.links.conftest import CHROME, GOOGLEBOT, MakeLink, event, send

LINKS = "/admin/links/link/"
Allow = Callable[..., Client]


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def pages(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


@pytest.fixture
def allowed(client: Client, operator: User) -> Allow:
    """The operator, with just these permissions."""

    def sign_in(*codenames: str) -> Client:
        operator.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(operator)
        return client

    return sign_in


def text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def change(link: Link, page: str = "change/") -> str:
    return f"{LINKS}{link.pk}/{page}"


def store(*links: Link, agent: str = CHROME) -> None:
    send(*(event(link, agent=agent, country="DE") for link in links), orphans={"/typo": 3})
    drain_once(durable())


def typed(pages: Client, path: str, **fields: Any) -> dict[str, Any]:
    """The form as it was opened, with some of its fields typed over."""
    return untouched(pages.get(path), form_id="link_form") | fields


def new(pages: Client, owner: User, **fields: Any) -> HttpResponse:
    given = {"url": "https://example.com/", "owner": owner.pk, **fields}
    return pages.post(f"{LINKS}add/", typed(pages, f"{LINKS}add/", **given))


# --- Looking --------------------------------------------------------------------------------------


def test_every_list_and_row_opens_and_is_searched(pages: Client, make_link: MakeLink) -> None:
    link = make_link(slug="mine", tags=["a"], max_clicks=2)
    make_link(slug="other")
    services.create_campaign(owner=link.owner, name="Winter")
    store(link)
    rows = [
        (link, "mine"),
        (services.create_campaign(owner=link.owner, name="Summer"), "summer"),
        (OrphanSlug.objects.get(), "typo"),
        (ClickIssuer.objects.get(), ""),
        (ClickStream.objects.get(), ""),
    ]
    for row, search in rows:
        model = type(row)
        page = pages.get(f"/admin/links/{model.__name__.lower()}/", {"q": search})
        assert list(page.context["cl"].queryset) == [row], model
        address = reverse(f"admin:links_{model.__name__.lower()}_change", args=[quote(row.pk)])
        assert pages.get(address).status_code == 200, model


@pytest.mark.parametrize(
    "path", ["links/link", "links/campaign", "accounts/apikey", "accounts/tokenfamily"]
)
def test_a_year_that_no_calendar_has_leads_back_to_the_list(pages: Client, path: str) -> None:
    answer = pages.get(f"/admin/{path}/", {"created_at__year": "99999"}, follow=True)
    assert answer.status_code == 200
    assert answer.redirect_chain == [(f"/admin/{path}/?e=1", 302)]


def test_the_list_of_links_costs_a_fixed_number_of_queries(
    pages: Client, alice: User, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        owner = (alice, bob)[number % 2]
        services.create_link(owner=owner, url="https://example.com/", max_clicks=number + 1)
    # The session, its person, what waits for review, how many links, and a page of them.
    with django_assert_num_queries(5):
        assert text(pages.get(LINKS)).count("data-row") == 12


def test_links_are_narrowed_by_their_state(pages: Client, make_link: MakeLink) -> None:
    now, hour = timezone.now(), timedelta(hours=1)
    used_up = make_link(slug="used_up", max_clicks=1)
    ClickAllowance.objects.filter(link=used_up).update(admitted=1)
    make_link(slug="active")
    make_link(slug="active-limited", max_clicks=1)
    make_link(slug="scheduled", starts_at=now + hour)
    make_link(slug="ended", expires_at=now - hour)
    services.delete_link(link=make_link(slug="deleted"))
    for state in ("active", "scheduled", "ended", "used_up", "deleted"):
        found = pages.get(LINKS, {"state": state}).context["cl"].queryset
        slugs = sorted(link.slug for link in found)
        assert slugs == ([state, "active-limited"] if state == "active" else [state])


def test_who_may_do_nothing_with_links_sees_none(allowed: Allow, make_link: MakeLink) -> None:
    client = allowed()
    for path in (LINKS, change(make_link()), f"{LINKS}clicks/", "/admin/links/clickissuer/"):
        assert client.get(path).status_code == 403, path


def test_the_sidebar_lists_only_what_may_be_seen(allowed: Allow) -> None:
    page = text(allowed("view_link", "view_click").get("/admin/"))
    assert re.findall(r"<span>([A-Z][\w -]+)</span>", page) == ["Links", "Newest clicks"]


def test_what_the_machine_writes_is_nobodys_to_edit(pages: Client, make_link: MakeLink) -> None:
    store(make_link())
    for model in (ClickIssuer, OrphanSlug):
        base = f"/admin/links/{model.__name__.lower()}/"
        row = f"{base}{model.objects.get().pk}/"
        assert pages.get(f"{base}add/").status_code == 403
        assert pages.post(f"{row}change/", {}).status_code == 403
        assert pages.post(f"{row}delete/", {"post": "yes"}).status_code == 403


def test_the_account_of_clicks_says_what_still_waits(pages: Client, make_link: MakeLink) -> None:
    send(event(make_link()), issued=5, dropped=1)
    drain_once(durable())
    row = re.findall(
        r'class="field-(\w+)[^>]*>\s*(?:<[^>]+>)?\s*(\d+)',
        text(pages.get("/admin/links/clickissuer/")),
    )
    assert dict(row) | {"issued": "5", "stored": "1", "dropped": "1", "waiting": "3"} == dict(row)


# --- Clicks ---------------------------------------------------------------------------------------


def test_clicks_are_listed_newest_first_by_link_and_kind(
    pages: Client, make_link: MakeLink
) -> None:
    first, second = make_link(slug="first"), make_link(slug="second")
    store(first)
    store(second)
    store(first, agent=GOOGLEBOT)

    def shown(**query: str) -> list[tuple[str, str]]:
        rows = pages.get(f"{LINKS}clicks/", query).context["table"]["rows"]
        return [(re.sub("<[^>]+>", "", row[1]), row[2]) for row in rows]

    assert shown() == [("/first", "bot"), ("/second", "person"), ("/first", "person")]
    assert shown(slug="FIRST") == [("/first", "bot"), ("/first", "person")]
    assert shown(slug="first", who="people") == [("/first", "person")]
    assert shown(who="bots") == [("/first", "bot")]
    assert shown(slug="no-such") == []
    assert len(shown(before="not-a-place")) == 3


def test_older_clicks_follow_without_a_gap(pages: Client, make_link: MakeLink) -> None:
    links = [make_link(slug=f"s{number:03}") for number in range(103)]
    store(*links)
    first = pages.get(f"{LINKS}clicks/")
    last = pages.get(f"{LINKS}clicks/", {"before": str(first.context["older"])})
    rows = [*first.context["table"]["rows"], *last.context["table"]["rows"]]
    assert [len(first.context["table"]["rows"]), last.context["older"]] == [100, None]
    assert sorted(re.findall(r"/(s\d+)<", "".join(row[1] for row in rows))) == [
        link.slug for link in links
    ]


def test_a_page_of_clicks_costs_a_fixed_number_of_queries(
    pages: Client, make_link: MakeLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    store(*(make_link() for _ in range(9)))
    # The session, its person, what waits for review, the clicks, and their links.
    with django_assert_num_queries(5):
        pages.get(f"{LINKS}clicks/")


def test_a_links_page_leads_to_its_clicks(allowed: Allow, make_link: MakeLink) -> None:
    link = make_link(slug="größe")
    client = allowed("view_link", "view_click")
    answer = client.get(change(link, "its-clicks/"))
    assert answer["Location"] == f"{LINKS}clicks/?slug=gr%C3%B6%C3%9Fe"
    assert client.get(answer["Location"]).status_code == 200
    assert allowed("view_link").get(change(link, "its-clicks/")).status_code == 403


# --- Writing --------------------------------------------------------------------------------------


def test_a_link_is_made_for_somebody_through_the_service(pages: Client, alice: User) -> None:
    answer = new(pages, alice, slug="", password="x", tags="A,b")
    assert answer.status_code == 302, answer.context and answer.context["errors"]
    link = Link.objects.get()
    assert (link.owner, len(link.slug), link.tags) == (alice, 7, ["a", "b"])
    assert link.has_password
    assert TargetChange.objects.get(link=link).url == "https://example.com/"


def test_a_change_is_the_services_with_history_and_news_for_the_redirect(
    pages: Client,
    root: User,
    make_link: MakeLink,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    link = make_link(slug="old", title="Kept")
    with django_capture_on_commit_callbacks(execute=True):
        form = typed(pages, change(link), url="https://example.com/new", click_count=99, version=9)
        assert pages.post(change(link), form).status_code == 302
    link.refresh_from_db()
    assert (link.url, link.title, link.version) == ("https://example.com/new", "Kept", 2)
    assert (link.click_count, link.slug) == (0, "old")
    newest = TargetChange.objects.filter(link=link).first()
    assert newest
    assert (newest.url, newest.changed_by) == (link.url, root)
    assert durable().hget(cache_key(("", "old")), "v") == b"2"


def test_saving_without_a_change_writes_nothing(pages: Client, make_link: MakeLink) -> None:
    variant = {"name": "A", "url": "https://example.com/a"}
    link = make_link(
        title="Kept",
        tags=["a", "b"],
        password="x",
        starts_at=timezone.now(),
        variants=[variant],
        utm={"utm_source": "x"},
        forward_query=True,
    )
    assert pages.post(change(link), typed(pages, change(link))).status_code == 302
    link.refresh_from_db()
    assert (link.version, link.has_password) == (1, True)


def test_what_is_emptied_is_empty_and_a_password_is_taken_away(
    pages: Client, make_link: MakeLink
) -> None:
    variant = {"name": "A", "url": "https://example.com/a"}
    link = make_link(variants=[variant], utm={"utm_source": "x"}, password="x")
    form = typed(pages, change(link), variants="", utm="", remove_password="on")
    assert pages.post(change(link), form).status_code == 302
    link.refresh_from_db()
    assert (link.variants, link.utm, link.has_password) == ([], {}, False)


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"slug": "taken"}, "slug", "“taken” is taken."),
        ({"slug": "retired"}, "slug", "it is not given out again"),
        ({"slug": "admin"}, "slug", "“admin” is reserved."),
        ({"url": "https://rally.test/x"}, "url", "cannot point at this service itself"),
        ({"rules": '[{"name": "x"}]'}, "rules", "missing required field"),
        ({"variants": "7"}, "variants", "Expected `array`"),
        ({"utm": '{"x": "y"}'}, "utm", "Known are utm_source"),
        ({"max_clicks": "0"}, "max_clicks", "greater than or equal to 1"),
        (
            {
                "starts_at_0": "2031-01-02",
                "starts_at_1": "00:00:00",
                "expires_at_0": "2031-01-01",
                "expires_at_1": "00:00:00",
            },
            "expires_at",
            "A link must end after it starts.",
        ),
        ({"domain": "evil.example"}, "domain", "Select a valid choice"),
    ],
)
def test_a_refusal_stands_beside_its_field_and_nothing_typed_is_lost(
    pages: Client, make_link: MakeLink, wrong: dict[str, str], field: str, sentence: str
) -> None:
    owner = make_link(slug="taken").owner
    services.delete_link(link=make_link(slug="retired"))
    answer = new(pages, owner, title="Typed", **wrong)
    assert answer.status_code == 200
    form = answer.context["adminform"].form
    assert list(form.errors) == [field]
    assert sentence in form.errors[field][0]
    assert form["title"].value() == "Typed"
    assert Link.objects.count() == 2


def test_a_link_is_made_on_one_of_our_domains(
    pages: Client, alice: User, settings: Settings
) -> None:
    settings.LINK_DOMAINS = ["go.example"]
    assert new(pages, alice, slug="here", domain="go.example").status_code == 302
    assert Link.objects.get().short_url == "https://go.example/here"


def test_an_old_form_does_not_undo_what_somebody_else_changed(
    pages: Client, make_link: MakeLink
) -> None:
    link = make_link(title="", tags=["old"])
    form = typed(pages, change(link), max_clicks=7)
    services.update_link(link=link, changed_by=link.owner, title="Found by itself", tags=["new"])
    assert pages.post(change(link), form).status_code == 302
    link.refresh_from_db()
    assert (link.title, link.tags, link.max_clicks) == ("Found by itself", ["new"], 7)


def test_a_link_joins_only_its_owners_campaigns(
    pages: Client, make_link: MakeLink, bob: User
) -> None:
    link = make_link()
    foreign = services.create_campaign(owner=bob, name="Bob's")
    answer = pages.post(change(link), typed(pages, change(link), campaign=foreign.pk))
    assert "This is a campaign of somebody else." in text(answer)
    own = services.create_campaign(owner=link.owner, name="Own")
    assert pages.post(change(link), typed(pages, change(link), campaign=own.pk)).status_code == 302
    link.refresh_from_db()
    assert link.campaign == own


def test_deleting_leaves_a_tombstone_that_stays_as_it_is(
    pages: Client,
    make_link: MakeLink,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    link = make_link(slug="gone")
    assert "Its address answers 410 from now on" in text(pages.get(change(link, "delete/")))
    with django_capture_on_commit_callbacks(execute=True):
        assert pages.post(change(link, "delete/"), {"post": "yes"}).status_code == 302
    link.refresh_from_db()
    assert link.deleted_at is not None
    assert durable().hget(cache_key(("", "gone")), "v") == b"2"
    assert pages.get(change(link)).status_code == 200
    assert pages.post(change(link), {"title": "Changed"}).status_code == 403
    assert pages.post(change(link, "delete/"), {"post": "yes"}).status_code == 403


def test_many_are_deleted_at_once_as_tombstones(pages: Client, make_link: MakeLink) -> None:
    links = [make_link(), make_link(), make_link(slug="kept")]
    action = {"action": "delete_selected", "_selected_action": [link.pk for link in links[:2]]}
    assert "Their addresses answer 410 from now on" in text(pages.post(LINKS, action))
    pages.post(LINKS, {**action, "post": "yes"})
    assert [link.slug for link in Link.objects.filter(deleted_at=None)] == ["kept"]
    assert Link.objects.count() == 3


def test_campaigns_are_made_renamed_and_deleted_through_the_services(
    pages: Client, alice: User, make_link: MakeLink
) -> None:
    base = "/admin/links/campaign/"
    assert pages.post(f"{base}add/", {"name": "Summer", "owner": alice.pk}).status_code == 302
    again = pages.post(f"{base}add/", {"name": "SUMMER", "owner": alice.pk})
    assert "There is a campaign “SUMMER” already." in text(again)
    campaign = Campaign.objects.get()
    link = make_link(campaign=campaign)
    assert pages.post(f"{base}{campaign.pk}/change/", {"name": "Autumn"}).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.name, campaign.owner) == ("Autumn", alice)
    pages.post(f"{base}{campaign.pk}/delete/", {"post": "yes"})
    link.refresh_from_db()
    assert (link.campaign, Campaign.objects.count()) == (None, 0)


# --- The policy -----------------------------------------------------------------------------------


def test_only_the_admin_may_evaluate_code_and_style_inline(
    pages: Client, client: Client, make_link: MakeLink
) -> None:
    link = make_link()
    for path in ("/admin/", LINKS, change(link), f"{LINKS}clicks/"):
        policy = pages.get(path)["Content-Security-Policy"]
        assert "script-src 'self' 'unsafe-eval'" in policy.split("; "), path
        assert "style-src 'self' 'unsafe-inline'" in policy, path
        assert "default-src 'self'" in policy, path
    for path in ("/links", "/api/docs/", "/admin/nothing/here"):
        assert "unsafe" not in pages.get(path)["Content-Security-Policy"], path


def test_the_admins_own_sign_in_works_under_its_policy(client: Client, db: None) -> None:
    assert "'unsafe-eval'" in client.get("/admin/login/")["Content-Security-Policy"]


def test_no_page_of_the_admin_has_an_inline_script(pages: Client, make_link: MakeLink) -> None:
    link = make_link()
    for path in ("/admin/", LINKS, change(link), f"{LINKS}add/", f"{LINKS}clicks/"):
        assert not re.search(
            r"<script(?![^>]*\ssrc=)[^>]*>\s*\S|\son[a-z]+=", text(pages.get(path))
        )


def test_the_admins_checks_ask_no_database() -> None:
    """Without this mark, any question would fail: nor would there be an answer before `migrate`."""
    call_command("check")
