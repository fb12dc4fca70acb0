"""After the last fault: until nothing is on its way any more."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg

from tests.chaos.campaign.workload import Workload
from tests.stack import wait_until

# What waits for its next try, up to hours, is tried now: as if that time had passed.
_HURRY = """
UPDATE quests_delivery SET next_try_at = now()
WHERE state = 'waiting' AND (held_until IS NULL OR held_until < now())
"""
_RELAYING = "SELECT count(*) FROM quests_outboxevent WHERE relayed_at IS NULL"
_DELIVERING = "SELECT count(*) FROM quests_delivery WHERE state = 'waiting'"
_NEWEST = "SELECT slug, last_seq FROM realtime_room WHERE slug = ANY(%s)"


def come_to_rest(
    workload: Workload, database: psycopg.Connection[Any], *, seconds: float
) -> list[str]:
    """What is not at rest after so long; nothing, if all went well."""
    with suppress(AssertionError):
        wait_until(lambda: not _first(_moving(workload, database)), seconds=seconds)
    return list(_moving(workload, database))


def _first(things: Iterator[str]) -> str:
    return next(things, "")


def _moving(workload: Workload, database: psycopg.Connection[Any]) -> Iterator[str]:
    """Cheap questions first: the last one is a proof."""
    newest = dict(database.execute(_NEWEST, [workload.rooms]).fetchall())
    for guest in workload.talk.guests:
        if guest.left or len(guest.heard) < newest[guest.room]:
            yield f"{guest.room}: {len(guest.heard)} of {newest[guest.room]} heard"
    if spooled := len(list(workload.stack.spool_files())):
        yield f"{spooled} spool files"
    ((relaying,),) = database.execute(_RELAYING).fetchall()
    if relaying:
        yield f"{relaying} events wait for the relay"
    ((delivering,),) = database.execute(_DELIVERING).fetchall()
    if delivering:
        database.execute(_HURRY)
        yield f"{delivering} deliveries wait"
    if waiting := workload.stack.reconcile()["waiting"]:
        yield f"{waiting} clicks wait in the stream"
