"""From the stream to the tables: each click once, whatever comes twice or is no click at all."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from links.clicks import partitions
from links.clicks.drain import drain_once
from links.clicks.reconciliation import reconcile
from links.clicks.repair import repair
from links.models import (
    Click,
    ClickIssuer,
    ClicksByDay,
    ClicksByQuarter,
    Dimension,
    Link,
    OrphanSlug,
)
from links.redirect.click import FIELD, STREAM, ClickEvent, new_event_id
from links.tasks import drain_clicks, keep_partitions
from monitoring.equations import Difference
from monitoring.redis import durable
from tests.links.conftest import GOOGLEBOT, MakeLink, event, send

pytestmark = pytest.mark.django_db


def test_clicks_become_rows_rollups_and_a_counter(make_link: MakeLink) -> None:
    link = make_link()
    send(
        event(link, country="DE", visitor=b"ada-----"),
        event(link, country="DE", visitor=b"ada-----"),
        event(link, country="US", agent=GOOGLEBOT, visitor=b"bot-----"),
    )

    assert drain_once(durable()) == (1, 3, 3)

    link.refresh_from_db()
    assert link.click_count == Click.objects.count() == 3
    for rollup in (ClicksByDay, ClicksByQuarter):
        total = rollup.objects.get(dimension=Dimension.TOTAL)
        assert (total.clicks, total.bots, total.visitors) == (3, 1, 1)
        german = rollup.objects.get(dimension=Dimension.COUNTRY, value="DE")
        assert (german.clicks, german.bots, german.visitors) == (2, 0, 1)
    assert reconcile().is_clean


def test_an_event_that_comes_twice_is_one_click(make_link: MakeLink) -> None:
    link = make_link()
    click = event(link)
    send(click)
    send(click)
    drain_once(durable())
    send(click)

    assert drain_once(durable()) == (1, 1, 0)
    assert Click.objects.count() == 1
    assert ClickIssuer.objects.get().stored == 1
    assert reconcile().is_clean


def test_a_drain_that_dies_before_its_commit_did_nothing(
    make_link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = make_link()
    send(event(link))

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr("links.clicks.accounts.settle", die)
        with pytest.raises(SystemExit):
            drain_once(durable())
    partitions._known.clear()

    assert Click.objects.count() == 0
    assert drain_once(durable()) == (1, 1, 1)
    assert reconcile().is_clean


def test_what_is_no_batch_of_clicks_is_passed_over(make_link: MakeLink) -> None:
    link = make_link()
    durable().xadd(STREAM, {FIELD: b"\xc1garbage"})
    durable().xadd(STREAM, {"other": "field"})
    send(event(link))

    assert drain_once(durable()) == (3, 1, 1)


def test_an_unreadable_entry_alone_holds_nothing_up(db: None) -> None:
    durable().xadd(STREAM, {FIELD: b"\xc1garbage"})

    assert drain_once(durable()) == (1, 0, 0)
    assert durable().xlen(STREAM) == 0


def test_the_stream_is_trimmed_to_what_is_not_stored_yet(make_link: MakeLink) -> None:
    link = make_link()
    for _ in range(5):
        send(event(link))

    drain_once(durable(), max_events=3)

    assert durable().xlen(STREAM) == 2
    assert drain_clicks() == 2


def test_clicks_of_a_link_that_nobody_knows_are_kept_all_the_same(make_link: MakeLink) -> None:
    link = make_link()
    click = event(link)
    click.link = 10**12
    send(click)

    assert drain_once(durable()) == (1, 1, 1)


def test_visits_to_unknown_addresses_add_up(db: None) -> None:
    send(orphans={"/typo": 2, "go.example/x": 1})
    send(orphans={"/typo": 3})

    drain_once(durable())

    assert OrphanSlug.objects.get(slug="typo", domain="").hits == 5
    assert OrphanSlug.objects.get(slug="x", domain="go.example").hits == 1


def test_a_lost_batch_shows_as_a_difference_and_can_be_written_off(make_link: MakeLink) -> None:
    link = make_link()
    send(event(link), issued=3)  # two clicks before this one were acknowledged and never came
    drain_once(durable())

    report = reconcile()

    assert [(d.equation, d.expected, d.found) for d in report.differences] == [("E1", 3, 1)]
    repair(report)
    assert reconcile().is_clean
    assert ClickIssuer.objects.get().dropped == 2


def test_clicks_that_wait_in_the_stream_are_no_difference(make_link: MakeLink) -> None:
    link = make_link()
    send(event(link))
    drain_once(durable())
    send(event(link), issued=2)

    report = reconcile()

    assert report.is_clean
    assert (report.issued, report.stored, report.waiting) == (2, 1, 1)


def test_tampered_rollups_are_found_and_counted_anew(make_link: MakeLink) -> None:
    link = make_link()
    send(*(event(link, visitor=b"ada-----") for _ in range(3)))
    drain_once(durable())
    ClicksByDay.objects.filter(dimension=Dimension.DEVICE).update(clicks=5)
    ClicksByQuarter.objects.filter(dimension=Dimension.TOTAL).delete()

    report = reconcile()
    assert {d.equation for d in report.differences} == {"E2"}

    repair(report)
    assert reconcile().is_clean
    assert ClicksByDay.objects.get(dimension=Dimension.TOTAL).visitors == 1


def event_of(link: Link, days_ago: int) -> ClickEvent:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    made = event(link)
    made.id = round(at.timestamp() * 1000).to_bytes(6) + new_event_id()[6:]
    return made


def test_retention_drops_days_and_keeps_their_sums(make_link: MakeLink, settings: Settings) -> None:
    link = make_link()
    settings.CLICK_RETENTION_DAYS = 365
    send(event_of(link, 200), event(link))
    drain_once(durable())
    assert len(partitions.days(partitions.horizon())) == 2

    settings.CLICK_RETENTION_DAYS = 90
    keep_partitions()

    assert Click.objects.count() == 1
    link.refresh_from_db()
    assert link.click_count == 2
    assert reconcile().is_clean


def test_a_click_that_comes_after_its_day_was_dropped_counts_and_harms_no_sum(
    make_link: MakeLink, settings: Settings
) -> None:
    link = make_link()
    settings.CLICK_RETENTION_DAYS = 365
    send(event_of(link, 200), event_of(link, 200))
    drain_once(durable())
    settings.CLICK_RETENTION_DAYS = 90
    keep_partitions()

    send(event_of(link, 200), issued=3)
    drain_once(durable())
    report = reconcile()
    assert report.is_clean
    report.differences.append(Difference("E2", "somewhere else", 1, 0))
    repair(report)

    link.refresh_from_db()
    assert link.click_count == ClicksByDay.objects.get(dimension=Dimension.TOTAL).clicks == 3
    keep_partitions()
    assert Click.objects.count() == 0


def test_partitions_are_made_ahead(db: None) -> None:
    keep_partitions()

    today = datetime.now(UTC).date()
    assert today + timedelta(days=3) in partitions.days(today)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM links_click")
        assert cursor.fetchone() == (0,)
