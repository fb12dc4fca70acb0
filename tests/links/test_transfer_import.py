"""What an import would do, and what it does."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import User
from links import services
from links.models import Campaign, Link, TargetChange
from links.transfer import (
    Action,
    ImportPlan,
    ImportRow,
    PlannedRow,
    apply_import,
    plan_import,
    read_rows,
)

pytestmark = pytest.mark.django_db
TARGET = "https://example.com/"


@pytest.fixture
def spring(alice: User) -> Link:
    return services.create_link(owner=alice, slug="spring", url=TARGET, title="Spring")


def rows(text: str) -> list[ImportRow]:
    return read_rows("csv", text.encode())


def actions(plan: ImportPlan) -> list[Action]:
    return [row.action for row in plan.rows]


def only(plan: ImportPlan) -> PlannedRow:
    (row,) = plan.rows
    return row


def codes(row: PlannedRow) -> list[tuple[str, str]]:
    return [(reason.code, reason.field) for reason in row.reasons]


def everything() -> tuple[list[Any], int]:
    return list(Link.objects.order_by("id").values()), Campaign.objects.count()


def test_a_plan_tells_of_every_row_what_would_become_of_it(
    alice: User, bob: User, spring: Link
) -> None:
    services.create_link(owner=bob, slug="taken", url=TARGET)
    gone = services.create_link(owner=alice, slug="gone", url=TARGET)
    services.delete_link(link=gone)
    before = everything()
    plan = plan_import(
        alice,
        rows(
            "slug,url,title\n"
            "fresh,https://example.com/new,New\n"
            "SPRING,https://example.com,Spring\n"
            "Taken,https://example.com/,\n"
            "gone,https://example.com/,\n"
            "bad,javascript:alert(1),\n"
            "FRESH,https://example.com/again,\n"
            ",https://example.com/no-slug,\n"
        ),
    )
    assert actions(plan) == [
        Action.CREATE,
        Action.UNCHANGED,
        Action.CONFLICT,
        Action.CONFLICT,
        Action.INVALID,
        Action.CONFLICT,
        Action.CREATE,
    ]
    assert [codes(row) for row in plan.rows] == [
        [],
        [],
        [("slug_taken", "slug")],
        [("slug_retired", "slug")],
        [("url_scheme", "url")],
        [("slug_repeated", "slug")],
        [],
    ]
    assert plan.counts == {
        Action.CREATE: 2,
        Action.UPDATE: 0,
        Action.UNCHANGED: 1,
        Action.CONFLICT: 3,
        Action.INVALID: 1,
    }
    assert everything() == before


def test_a_plan_shows_what_differs(alice: User, spring: Link) -> None:
    row = only(
        plan_import(
            alice, rows("slug,url,title,maxClicks\nspring,https://example.com/b,Spring,5\n")
        )
    )
    assert row.action is Action.UPDATE
    assert row.link_id == spring.public_id
    assert [tuple(change) for change in row.changes] == [
        ("maxClicks", None, 5),
        ("url", "https://example.com/", "https://example.com/b"),
    ]


def test_nothing_is_said_of_somebody_elses_link(alice: User, bob: User, spring: Link) -> None:
    row = only(plan_import(bob, rows("slug,url\nspring,https://example.com/b\n")))
    assert (row.action, row.link_id, row.changes) == (Action.CONFLICT, None, ())
    assert "example.com" not in row.reasons[0].message


def test_an_import_creates_and_updates_through_the_services(alice: User, spring: Link) -> None:
    result = apply_import(
        alice,
        rows(
            "slug,url,tags,rules\n"
            "spring,https://example.com/b,,\n"
            'fresh,https://example.com/new,"one,two","[{""name"": ""phones"", ""when"": '
            '{""device"": [""mobile""]}, ""url"": ""https://m.example.com""}]"\n'
            ",https://example.com/no-slug,,\n"
        ),
    )
    assert actions(result) == [Action.UPDATE, Action.CREATE, Action.CREATE]
    assert result.applied
    spring.refresh_from_db()
    assert (spring.url, spring.title, spring.version) == ("https://example.com/b", "Spring", 2)
    assert TargetChange.objects.filter(link=spring).count() == 2
    new = Link.objects.get(slug="fresh")
    assert (new.owner, new.tags) == (alice, ["one", "two"])
    assert new.rules[0]["url"] == "https://m.example.com/"
    assert [row.link_id for row in result.rows[:2]] == [spring.public_id, new.public_id]
    generated = Link.objects.get(url="https://example.com/no-slug")
    assert result.rows[2].link_id == generated.public_id
    assert result.rows[2].slug == generated.slug != ""


def test_an_import_twice_changes_nothing_the_second_time(alice: User) -> None:
    text = (
        "slug,url,tags,startsAt,utm,variants,campaign,expiredUrl\n"
        'a,https://exämple.com,"B, a,b",2031-01-01,"{""utm_source"": ""x""}",'
        '"[{""name"": ""v"", ""url"": ""https://v.test""}]",Spring,https://over.test\n'
    )
    assert actions(apply_import(alice, rows(text))) == [Action.CREATE]
    assert actions(plan_import(alice, rows(text))) == [Action.UNCHANGED]
    assert actions(apply_import(alice, rows(text))) == [Action.UNCHANGED]
    assert Link.objects.get().version == 1


def test_a_column_that_is_missing_leaves_its_field_alone(alice: User, spring: Link) -> None:
    apply_import(alice, rows("slug,url\nspring,https://example.com/b\n"))
    spring.refresh_from_db()
    assert spring.title == "Spring"


def test_a_refused_row_costs_no_other(alice: User, bob: User) -> None:
    services.create_link(owner=bob, slug="taken", url=TARGET)
    text = "slug,url\ntaken,https://a.test/\nadmin,https://b.test/\nfine,https://c.test/\n"
    result = apply_import(alice, rows(text))
    assert actions(result) == [Action.CONFLICT, Action.INVALID, Action.CREATE]
    assert codes(result.rows[1]) == [("slug_reserved", "slug")]
    assert result.applied
    assert Link.objects.get(owner=alice).slug == "fine"


def test_all_or_nothing_is_nothing_when_one_row_is_refused(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    text = "slug,url,campaign\nfine,https://a.test/,C\nbad,ftp://b.test/,\n"
    with django_assert_num_queries(1):  # what is known beforehand is not tried and undone
        result = apply_import(alice, rows(text), all_or_nothing=True)
    assert not result.applied
    assert actions(result) == [Action.CREATE, Action.INVALID]
    assert result.rows[0].link_id is None
    assert everything() == ([], 0)


def test_all_or_nothing_is_all_when_none_is(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    text = "slug,url\na,https://a.test/\nb,https://b.test/\n"
    with django_capture_on_commit_callbacks() as callbacks:
        result = apply_import(alice, rows(text), all_or_nothing=True)
    assert result.applied
    assert Link.objects.filter(owner=alice).count() == 2
    assert len(callbacks) == 2


@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_a_slug_that_is_lost_to_somebody_faster_is_a_conflict(
    alice: User,
    bob: User,
    monkeypatch: pytest.MonkeyPatch,
    *,
    all_or_nothing: bool,
) -> None:
    """Bob takes "b" after the plan was made, while Alice's "a" is being written."""
    create_link = services.create_link

    def create_after_bob(**fields: Any) -> Link:
        if fields["slug"] == "a":
            create_link(owner=bob, slug="b", url=TARGET)
        return create_link(**fields)

    monkeypatch.setattr("links.transfer.applying.create_link", create_after_bob)
    text = "slug,url\na,https://a.test/\nb,https://b.test/\n"
    result = apply_import(alice, rows(text), all_or_nothing=all_or_nothing)
    assert actions(result) == [Action.CREATE, Action.CONFLICT]
    assert codes(result.rows[1]) == [("slug_taken", "")]
    assert result.applied is not all_or_nothing
    assert Link.objects.filter(owner=alice).count() == (0 if all_or_nothing else 1)
    assert (result.rows[0].link_id is None) is all_or_nothing


def test_a_link_that_was_deleted_since_the_plan_is_a_conflict(
    alice: User, spring: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    def update_after_deletion(**fields: Any) -> Link:
        services.delete_link(link=spring)
        return services.update_link(**fields)

    monkeypatch.setattr("links.transfer.applying.update_link", update_after_deletion)
    row = only(apply_import(alice, rows("slug,url\nspring,https://a.test/\n")))
    assert (row.action, codes(row)) == (Action.CONFLICT, [("link_deleted", "")])


def test_a_plan_costs_a_query_for_a_thousand_rows(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    campaign = services.create_campaign(owner=alice, name="C")
    for slug in ("s1", "s1001"):
        services.create_link(owner=alice, slug=slug, url="https://a.test/", campaign=campaign)
    many = [
        ImportRow(line=n, slug=f"s{n}", url="https://a.test/", campaign="C") for n in range(2_500)
    ]
    with django_assert_num_queries(3):
        plan = plan_import(alice, many)
    assert plan.counts[Action.CREATE] == 2_498
    assert plan.counts[Action.UNCHANGED] == 2


def test_a_row_costs_the_same_in_a_long_file(
    alice: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    many = [ImportRow(line=n, slug=f"s{n}", url="https://a.test/") for n in range(50)]
    with django_assert_max_num_queries(50 * 9 + 2):
        apply_import(alice, many)


@pytest.mark.django_db(transaction=True)
def test_an_import_that_meets_a_drain_in_another_order_is_tried_again(alice: User) -> None:
    first, second = (services.create_link(owner=alice, slug=s, url=TARGET) for s in "ab")

    def carry_out(title: str) -> ImportPlan:
        text = f"slug,url,title\na,{TARGET},{title}\nb,{TARGET},{title}\n"
        try:
            return apply_import(alice, rows(text), all_or_nothing=True)
        finally:
            connection.close()

    def meet(title: str) -> ImportPlan:
        with ThreadPoolExecutor() as pool:
            with transaction.atomic():
                Link.objects.filter(pk=second.pk).update(click_count=1)
                done = pool.submit(carry_out, title)
                wait_for_somebody_blocked()
                # Now each waits for the other. The import was first, so it is the one to be ended.
                Link.objects.filter(pk=first.pk).update(click_count=1)
            return done.result(30)

    title, plan = until_first(meet)
    assert actions(plan) == [Action.UPDATE, Action.UPDATE]
    assert set(Link.objects.values_list("title", "click_count")) == {(title, 1)}


def until_first(meet: Callable[[str], ImportPlan]) -> tuple[str, ImportPlan]:
    """PostgreSQL looks for a deadlock once, a second after a wait begins. On a machine that needs
    longer for the other wait to begin, it is not the import that is ended."""
    for title in ("New", "Newer", "Newest"):
        with suppress(OperationalError):
            return title, meet(title)
    pytest.fail("this machine is too slow to be first")


def wait_for_somebody_blocked() -> None:
    deadline = time.monotonic() + 20
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)
