"""Several click streams, drained side by side: each click once, and nobody in another's way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, connections, transaction
from pytest_django import Settings

from links.clicks import streams
from links.clicks.drain import Drained, drain_once, drain_stream
from links.clicks.reconciliation import reconcile
from links.health import stream_lag
from links.models import Click, ClickStream, Link, OrphanSlug
from links.redirect.click import (
    FIELD,
    ClickBatch,
    ClickEvent,
    decode_batch,
    encode_batch,
    new_event_id,
    shares,
    stream_name,
)
from links.redirect.networks import NetworkGate
from links.redirect.stream import StreamWriter
from links.tasks import drain_clicks
from monitoring.redis import durable
from tests.links.conftest import MakeLink, event
from tests.stack import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
FIRST, SECOND = stream_name(0), stream_name(1)


@pytest.fixture(autouse=True)
def _two_streams(settings: Settings) -> None:
    settings.CLICK_STREAMS = 2


def send(name: str, events: list[ClickEvent], issuer: int = 0, issued: int | None = None) -> None:
    total = len(events) if issued is None else issued
    batch = ClickBatch(issuer.to_bytes(16), total, 0, events)
    durable().xadd(name, {FIELD: encode_batch(batch)})


def side_by_side(*works: Callable[[], object]) -> None:
    """Begun at the same moment; the first error of any is raised."""
    together = Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        together.wait(10)
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(run, work) for work in works]:
            done.result(60)


def test_all_streams_are_drained_by_one_tick(make_link: MakeLink) -> None:
    link = make_link()
    send(FIRST, [event(link)], issuer=1)
    send(SECOND, [event(link), event(link)], issuer=2)
    assert stream_lag()[0] == 2
    assert stream_lag(SECOND)[0] == 1
    assert reconcile().waiting == 3

    assert drain_clicks() == 3

    assert stream_lag() == (0, 0.0)
    assert reconcile().is_clean


def test_a_stream_that_somebody_is_at_holds_no_other_up(make_link: MakeLink) -> None:
    link = make_link()
    drain_clicks()  # from now on both have a cursor
    send(FIRST, [event(link)], issuer=1)
    send(SECOND, [event(link)], issuer=2)
    with transaction.atomic():
        assert streams.take(FIRST)

        def others() -> None:
            assert drain_once(durable()) == (1, 1, 1)
            assert drain_once(durable()) is None  # there is more, and somebody is at it

        side_by_side(others)
    assert drain_once(durable()) == (1, 1, 1)
    assert drain_once(durable()) == Drained()


def test_drains_side_by_side_of_the_same_links_never_wait_in_a_circle(
    make_link: MakeLink,
) -> None:
    """Every batch has all links and all visitors, in an order of its own, and each comes by both
    streams: whatever is locked, both want it."""
    links = [make_link() for _ in range(12)]
    rounds, sent = 12, 0
    for number in range(rounds):
        events = [event(link, visitor=bytes([who] * 8)) for link in links for who in b"ab"]
        sent += len(events)
        send(FIRST, events, issuer=number + 1)
        send(SECOND, events[::-1], issuer=number + 1)

    def drain(name: str) -> None:
        while (drained := drain_stream(durable(), name, max_events=1)) and drained.entries:
            pass

    side_by_side(lambda: drain(FIRST), lambda: drain(SECOND))

    assert Click.objects.count() == sent
    assert {link.click_count for link in Link.objects.all()} == {2 * rounds}
    assert reconcile().is_clean


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("links_clicksbyquarter", "link_id, dimension, start, value"),
        ("links_clicksbyday", "link_id, dimension, start, value"),
        ("links_link", "id"),
    ],
)
def test_rows_are_locked_from_the_lowest_key_on(make_link: MakeLink, table: str, key: str) -> None:
    """Who waits for the lowest has no other one yet: no two can have what the other one wants."""
    links = [make_link() for _ in range(5)]
    for link in reversed(links):  # in another order than their numbers' on the disk, too
        link.save()
    for _ in range(2):
        drain_once(durable())
        send(FIRST, [event(link) for link in reversed(links)], issuer=1)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT FROM {table} ORDER BY {key} LIMIT 1 FOR UPDATE")
            draining = pool.submit(side_by_side, lambda: drain_once(durable()))
            wait_until(_somebody_waits)
            side_by_side(lambda: _all_free_but_one(table))
        draining.result(30)
    assert {link.click_count for link in Link.objects.all()} == {2}


def _somebody_waits() -> bool:
    """By the locks: activity is seen as it was when this transaction first asked for it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def _all_free_but_one(table: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM {table}")
        every = cursor.rowcount
        cursor.execute(f"SELECT FROM {table} FOR UPDATE SKIP LOCKED")
        assert cursor.rowcount == every - 1


def test_a_stream_that_is_none_any_more_is_still_drained(
    make_link: MakeLink, settings: Settings
) -> None:
    link = make_link()
    send(SECOND, [event(link)], issuer=1)
    drain_clicks()
    settings.CLICK_STREAMS = 1
    send(SECOND, [event(link)], issuer=1, issued=2)

    assert stream_lag()[0] == 1
    assert reconcile().is_clean
    assert drain_clicks() == 1
    assert reconcile().is_clean
    assert ClickStream.objects.count() == 2


async def test_a_links_clicks_all_come_by_one_stream(settings: Settings) -> None:
    """And what belongs to no link comes once."""
    writer = StreamWriter(settings.REDIS_URL, streams=2)
    await writer.connect()
    events = [ClickEvent(new_event_id(), link) for link in (1, 2, 3, 4, 1)]
    await writer.add(encode_batch(ClickBatch(bytes(16), 5, 1, events, {"/typo": 1})))
    await writer.add(encode_batch(ClickBatch(bytes(16), 6, 1, [ClickEvent(new_event_id(), 2)])))
    await writer.add(encode_batch(ClickBatch(bytes(16), 6, 1, [], {"/typo": 2})))
    await writer.close()
    found = [
        [decode_batch(fields[FIELD]) for _, fields in durable().xrange(name)]
        for name in (FIRST, SECOND)
    ]
    links = [[[event.link for event in batch.events] for batch in part] for part in found]
    assert links == [[[2, 4], [2], []], [[1, 3, 1]]]
    orphans = [batch.orphans for part in found for batch in part]
    assert sum(one.get("/typo", 0) for one in orphans) == 3
    assert {(batch.issued, batch.dropped) for batch in found[1]} == {(5, 1)}


def test_a_batch_in_shares_is_counted_as_whole(make_link: MakeLink) -> None:
    links = [make_link() for _ in range(4)]
    batch = ClickBatch(bytes(16), 4, 0, [event(link) for link in links], {"/typo": 2})
    for name, share in shares(batch, 2).items():
        durable().xadd(name, {FIELD: encode_batch(share)})
    assert reconcile().is_clean
    assert drain_once(durable()) == (1, 2, 2)
    assert reconcile().is_clean
    drain_clicks()
    assert reconcile().is_clean
    assert OrphanSlug.objects.get().hits == 2


async def test_networks_are_counted_once_for_clicks_of_several_streams(settings: Settings) -> None:
    """The call that stores a batch's shares counts who made them, and stores none when one of them
    is over."""
    gate, writer = NetworkGate("3/1d"), StreamWriter(settings.REDIS_URL, streams=2)
    await writer.connect()
    events = [ClickEvent(new_event_id(), link) for link in (1, 2, 2)]
    payload = encode_batch(ClickBatch(bytes(16), 3, 0, events))
    tally = gate.tally(["203.0.113.1", "203.0.113.2", "203.0.113.2"])
    assert tally
    assert await writer.add_counted(payload, tally) == [1, 2]
    assert [durable().xlen(name) for name in (FIRST, SECOND)] == [1, 1]
    assert await writer.add_counted(payload, tally) == [2, 4]
    assert [durable().xlen(name) for name in (FIRST, SECOND)] == [1, 1]
    await writer.close()
