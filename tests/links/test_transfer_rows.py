"""What a row may say: campaigns, passwords, domains, and the limits of every field."""

from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from links import services
from links.models import Campaign, Link
from links.transfer import Action, apply_import, plan_import, read_rows
from monitoring.wire.problems import Problem
from tests.links.test_transfer_import import TARGET, actions, codes, only, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def spring(alice: User) -> Link:
    return services.create_link(owner=alice, slug="spring", url=TARGET, title="Spring")


def test_campaigns_are_found_by_name_or_made_once(alice: User, bob: User) -> None:
    services.create_campaign(owner=alice, name="Spring")
    services.create_campaign(owner=bob, name="Autumn")
    text = (
        "slug,url,campaign\na,https://a.test/,SPRING\nb,https://b.test/,Autumn\n"
        "c,https://c.test/,autumn\nd,https://d.test/,\n"
    )
    apply_import(alice, rows(text))
    links = Link.objects.select_related("campaign").order_by("slug")
    assert [link.campaign and link.campaign.name for link in links] == [
        "Spring",
        "Autumn",
        "Autumn",
        None,
    ]
    assert all(link.campaign.owner == alice for link in links if link.campaign)
    assert Campaign.objects.filter(owner=alice).count() == 2


def test_an_empty_campaign_takes_the_link_out_of_its_own(alice: User, spring: Link) -> None:
    campaign = services.create_campaign(owner=alice, name="C")
    services.update_link(link=spring, changed_by=alice, campaign=campaign)
    unchanged = plan_import(alice, rows(f"slug,url,campaign\nspring,{TARGET},c\n"))
    assert only(unchanged).action is Action.UNCHANGED
    result = apply_import(alice, rows(f"slug,url,campaign\nspring,{TARGET},\n"))
    assert [tuple(change) for change in only(result).changes] == [("campaign", "C", "")]
    spring.refresh_from_db()
    assert spring.campaign is None


def test_a_campaign_is_not_left_behind_by_a_row_that_failed(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> Link:
        raise Problem("slug_space_full", "No free slug was found.", status=503)

    monkeypatch.setattr("links.transfer.applying.create_link", refuse)
    result = apply_import(alice, rows("url,campaign\nhttps://a.test/,C\n"))
    assert actions(result) == [Action.INVALID]
    assert Campaign.objects.count() == 0


def test_no_link_loses_its_password_on_the_way(alice: User) -> None:
    text = "slug,url,hasPassword\nsecret,https://a.test/,true\n"
    assert codes(only(plan_import(alice, rows(text)))) == [("password_unknown", "password")]
    services.create_link(owner=alice, slug="secret", url="https://b.test/", password="open sesame")
    assert only(apply_import(alice, rows(text))).action is Action.UPDATE
    link = Link.objects.get()
    assert link.url == "https://a.test/"
    assert link.has_password


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("title", "x" * 301, "max_length"),
        ("description", "x" * 1001, "max_length"),
        ("tags", "x" * 51, "item_invalid"),
        ("tags", ",".join(f"t{number}" for number in range(21)), "too_many_tags"),
        ("maxClicks", str(2**31), "max_value"),
        ("redirectStatus", "418", "invalid_choice"),
        ("campaign", "x" * 101, "max_length"),
        ("utm", '{"utm_nonsense": "x"}', "utm_unknown"),
        ("expiredUrl", "javascript:alert(1)", "url_scheme"),
        ("rules", '[{"name": "x", "when": {}, "url": "https://rally.test/x"}]', "url_own_domain"),
    ],
)
def test_what_the_database_would_refuse_is_invalid_before(
    alice: User, column: str, cell: str, code: str
) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    row = only(apply_import(alice, rows(f"url,{column}\nhttps://a.test/,{quoted}\n")))
    assert row.action is Action.INVALID
    ((found, field),) = codes(row)
    assert found == code
    assert field.partition(".")[0] == column


def test_a_window_must_agree_with_the_part_that_stays(alice: User, spring: Link) -> None:
    apply_import(alice, rows("slug,url,startsAt\nspring,https://a.test/,2031-01-01\n"))
    row = only(plan_import(alice, rows("slug,url,expiresAt\nspring,https://a.test/,2030-01-01\n")))
    assert codes(row) == [("window_empty", "expiresAt")]


def test_a_slug_that_no_query_could_hold_is_invalid(alice: User) -> None:
    found = read_rows("bitly", b"link,long url\nbit.ly/%00,https://a.test/\n")
    assert codes(only(plan_import(alice, found))) == [("slug_characters", "slug")]


def test_the_same_slug_on_two_domains_is_two_links(alice: User, settings: Settings) -> None:
    settings.LINK_DOMAINS = ["go.acme.test"]
    text = "slug,domain,url\nx,,https://a.test/\nx,go.acme.test,https://b.test/\n"
    assert actions(apply_import(alice, rows(text))) == [Action.CREATE, Action.CREATE]
    assert actions(plan_import(alice, rows(text))) == [Action.UNCHANGED, Action.UNCHANGED]
