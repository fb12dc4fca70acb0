"""What becomes of clicks when the Redis behind the stream is not the one that it was."""

from datetime import UTC, datetime, timedelta

import pytest

from links.clicks.drain import drain_once
from links.clicks.reconciliation import reconcile
from links.health import stream_lag
from links.models import Click, ClickIssuer, ClickStream, OrphanSlug
from links.redirect.click import FIELD, STREAM, ClickBatch, ClickEvent, encode_batch
from links.tasks import drain_clicks
from monitoring.redis import durable
from tests.links.conftest import ISSUER, MakeLink, event, send

pytestmark = pytest.mark.django_db
AHEAD = timedelta(hours=1)


def add(entry_id: str, *events: ClickEvent, issued: int, **batch: dict[str, int]) -> None:
    """As a Redis whose clock is another one would have numbered it."""
    entry = encode_batch(ClickBatch(ISSUER, issued, 0, list(events), **batch))
    durable().xadd(STREAM, {FIELD: entry}, id=entry_id)


def moment(shift: timedelta = timedelta()) -> int:
    return int((datetime.now(UTC) + shift).timestamp() * 1000)


def last_id() -> str:
    return ClickStream.objects.get().last_id


def test_an_emptied_redis_loses_what_waited_and_nothing_that_comes_after(
    make_link: MakeLink,
) -> None:
    link = make_link()
    send(event(link), issued=1)
    drain_once(durable())
    durable().flushdb()
    send(event(link), issued=2)

    assert drain_once(durable()) == (1, 1, 1)
    assert Click.objects.count() == 2
    assert reconcile().is_clean


def test_clicks_of_a_redis_whose_clock_is_behind_are_counted(make_link: MakeLink) -> None:
    link = make_link()
    add(f"{moment(AHEAD)}-0", event(link), issued=1)
    drain_once(durable())
    durable().delete(STREAM)
    send(event(link), issued=2)

    assert reconcile().waiting == 1
    assert stream_lag()[0] == 1
    assert drain_clicks() == 1
    assert Click.objects.count() == 2
    assert reconcile().is_clean


def test_the_place_in_the_stream_follows_a_clock_that_went_back(make_link: MakeLink) -> None:
    link = make_link()
    ahead = f"{moment(AHEAD)}-0"
    add(ahead, event(link), issued=1)
    drain_once(durable())
    durable().delete(STREAM)
    for issued in range(2, 6):
        send(event(link), issued=issued)
        drain_clicks()

    assert last_id() < ahead
    assert ClickIssuer.objects.get().stored == Click.objects.count() == 5
    assert durable().xlen(STREAM) == 0


def test_a_redis_that_came_back_from_an_older_file_counts_nothing_twice(
    make_link: MakeLink,
) -> None:
    """It has entries again that were drained, and below the place that was reached also new ones:
    its own last number was lower."""
    link = make_link()
    known, new = event(link), event(link)
    start = moment()
    add(f"{start}-0", known, issued=1, orphans={"/lost": 1})
    add(f"{start + 60_000}-0", event(link), issued=2)
    drain_once(durable())
    durable().delete(STREAM)
    add(f"{start}-0", known, issued=1, orphans={"/lost": 1})
    add(f"{start + 30_000}-0", new, issued=3)

    assert drain_once(durable()) == (2, 2, 1)
    assert Click.objects.filter(event_id=new.id.hex()).exists()
    assert OrphanSlug.objects.get().hits == 1
    assert Click.objects.count() == 3
    assert reconcile().is_clean


def test_what_a_drain_could_not_take_out_any_more_is_not_counted_again(
    make_link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed after its commit."""
    link = make_link()
    send(event(link), event(link), orphans={"/lost": 2})
    with monkeypatch.context() as killed:
        killed.setattr("redis.Redis.xdel", lambda *_, **__: 0)
        drain_once(durable())
    send(event(link), issued=3)

    assert reconcile().is_clean
    assert drain_once(durable()) == (2, 3, 1)
    assert durable().xlen(STREAM) == 0
    assert OrphanSlug.objects.get().hits == 2
    assert reconcile().is_clean


def test_an_older_database_takes_what_the_stream_still_has(make_link: MakeLink) -> None:
    """After a restore: its place in the stream is an older one."""
    link = make_link()
    send(event(link), issued=1)
    drain_once(durable())
    ClickStream.objects.update(last_id="1-0")
    send(event(link), issued=2)

    assert drain_once(durable()) == (1, 1, 1)
    assert reconcile().is_clean
