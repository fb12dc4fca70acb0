"""What is stored, against what the clients noted; and the product's own proofs beside it.

It reads the tables itself: the product's sums are what is doubted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg

from tests.chaos.campaign.workload import Workload


class Violation(NamedTuple):
    """Of `law` (E1 to E5, or what clients were promised); `evidence` are the rows or notes."""

    law: str
    subject: str
    evidence: str


def check(workload: Workload, database_url: str) -> list[Violation]:
    with psycopg.connect(database_url, connect_timeout=5) as database:
        return [
            *_proofs(workload),
            *_clicks(workload, database),
            *_payments(workload, database),
            *_messages(workload, database),
            *_deliveries(workload, database),
        ]


def _proofs(workload: Workload) -> Iterator[Violation]:
    for one in workload.stack.reconcile()["differences"]:
        said = f"expected {one['expected']}, found {one['found']}"
        yield Violation(one["equation"], one["subject"], said)


def _clicks(workload: Workload, database: psycopg.Connection[Any]) -> Iterator[Violation]:
    """Each 302 that a client saw is one row; one whose answer was lost may be a row or none."""
    stored: Counter[str] = Counter(dict(database.execute(
        "SELECT link.slug, count(*) FROM links_click click"
        " JOIN links_link link ON link.id = click.link_id WHERE link.slug = ANY(%s) GROUP BY 1",
        [workload.slugs],
    ).fetchall()))  # fmt: skip
    for slug in workload.slugs:
        seen, unknown = workload.notes.clicks[slug], workload.notes.unknown[slug]
        if not seen <= stored[slug] <= seen + unknown:
            said = f"{seen} seen, {unknown} unknown, {stored[slug]} stored"
            yield Violation("clicks seen are clicks stored", slug, said)


def _payments(workload: Workload, database: psycopg.Connection[Any]) -> Iterator[Violation]:
    rows = database.execute(
        "SELECT player.username, quest.number, array_agg(completion.public_id::text)"
        " FROM quests_ledgerentry entry JOIN quests_completion completion"
        " ON completion.id = entry.completion_id JOIN quests_quest quest"
        " ON quest.id = completion.quest_id JOIN accounts_user player"
        " ON player.id = entry.player_id WHERE quest.number = ANY(%s) GROUP BY 1, 2",
        [workload.quests],
    ).fetchall()
    paid = {(name, number): ids for name, number, ids in rows}
    for key in sorted(workload.notes.asked | paid.keys()):
        told = workload.notes.paid.get(key, set())
        if sorted(told) != sorted(paid.get(key, [])):
            said = f"told {sorted(told)}, paid {paid.get(key)}"
            yield Violation("who was told of XP has it once", str(key), said)


def _messages(workload: Workload, database: psycopg.Connection[Any]) -> Iterator[Violation]:
    stored: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for room, seq, body in database.execute(
        "SELECT room.slug, message.seq, message.body FROM realtime_message message"
        " JOIN realtime_room room ON room.id = message.room_id WHERE room.slug = ANY(%s)"
        " ORDER BY room.slug, message.seq",
        [workload.rooms],
    ):
        stored[room].append((seq, body))
    for room in workload.rooms:
        words = Counter(body for _, body in stored[room])
        for said in {words for where, words in workload.notes.acknowledged if where == room}:
            if words[said] != 1:
                yield Violation(
                    "what was acknowledged is there once", room, f"{said}: {words[said]}"
                )
        if [seq for seq, _ in stored[room]] != list(range(1, len(stored[room]) + 1)):
            yield Violation("numbers have no gap", room, f"{len(stored[room])} messages")
    for place, talker in enumerate(workload.talkers):
        if talker.heard != stored[talker.room]:
            said = f"heard {len(talker.heard)} of {len(stored[talker.room])}"
            yield Violation("everybody hears everything in order", f"talker {place}", said)


def _deliveries(workload: Workload, database: psycopg.Connection[Any]) -> Iterator[Violation]:
    """At least once: what counts as delivered was taken by the receiver."""
    for event, state in database.execute(
        "SELECT event.public_id::text, delivery.state FROM quests_delivery delivery"
        " JOIN quests_outboxevent event ON event.id = delivery.event_id"
        " JOIN quests_webhook webhook ON webhook.id = delivery.webhook_id"
        " WHERE webhook.url = 'http://receiver.test/' AND webhook.created_at >= %s",
        [workload.began],
    ):
        if state == "delivered" and not workload.notes.delivered[event]:
            yield Violation("what is delivered has arrived", event, "the receiver never took it")
