"""What is stored, against what the clients noted; and the product's own proofs beside it.

It reads the tables itself: the product's sums are what is doubted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg

from tests.chaos.campaign.notes import Cell
from tests.chaos.campaign.workload import RECEIVER, Workload

Database = psycopg.Connection[Any]
# So many rows of evidence say enough.
_SHOWN = 10


class Violation(NamedTuple):
    """Of `law` (E1 to E5, or what clients were promised); `evidence` are the rows or notes."""

    law: str
    subject: str
    evidence: str


def check(workload: Workload, database: Database, report: dict[str, Any]) -> list[Violation]:
    """`report` is what `manage.py reconcile` found."""
    return [
        *_proofs(report),
        *_clicks(workload, database, report["dropped"]),
        *_payments(workload, database),
        *_messages(workload, database),
        *_deliveries(workload, database),
    ]


def _proofs(report: dict[str, Any]) -> Iterator[Violation]:
    for one in report["differences"]:
        said = f"expected {one['expected']}, found {one['found']}"
        yield Violation(one["equation"], one["subject"], said)


# --- Clicks ---------------------------------------------------------------------------------------
def _clicks(workload: Workload, database: Database, dropped: int) -> Iterator[Violation]:
    """Each 302 that a client saw is one row; one whose answer was lost may be a row or none; and
    while nobody could take clicks, those are missing that are counted as dropped."""
    notes, lost, doubtful = workload.notes, 0, 0
    stored = _stored_clicks(database, workload.slugs)
    for cell in sorted(notes.seen.keys() | notes.unknown.keys() | stored.keys()):
        seen, unknown, found = notes.seen[cell], notes.unknown[cell], stored[cell]
        is_losable = cell.country in notes.losable
        lost += is_losable * max(0, seen - found)
        doubtful += is_losable * unknown
        if found > seen + unknown or (found < seen and not is_losable):
            said = f"{seen} seen, {unknown} unknown, {found} stored"
            yield Violation("a 302 that was seen is one click", f"{cell.slug} {cell.country}", said)
    if not lost <= dropped <= lost + doubtful:
        said = f"{lost} lost, {doubtful} unknown, {dropped} counted as dropped"
        yield Violation("what is lost is counted as such", "", said)
    for event, count in database.execute(
        "SELECT event_id::text, count(*) FROM links_click GROUP BY 1 HAVING count(*) > 1 LIMIT %s",
        [_SHOWN],
    ):
        yield Violation("an event is stored once", event, f"{count} rows")


def _stored_clicks(database: Database, slugs: list[str]) -> Counter[Cell]:
    rows = database.execute(
        "SELECT link.slug, click.country, count(*) FROM links_click click"
        " JOIN links_link link ON link.id = click.link_id"
        " WHERE link.slug = ANY(%s) AND click.country <> '' GROUP BY 1, 2",
        [slugs],
    )
    return Counter({Cell(slug, country): count for slug, country, count in rows})


# --- Completions ----------------------------------------------------------------------------------
def _payments(workload: Workload, database: Database) -> Iterator[Violation]:
    rows = database.execute(
        "SELECT player.username, quest.number, array_agg(completion.public_id::text)"
        " FROM quests_ledgerentry entry JOIN quests_completion completion"
        " ON completion.id = entry.completion_id JOIN quests_quest quest"
        " ON quest.id = completion.quest_id JOIN accounts_user player"
        " ON player.id = entry.player_id WHERE quest.title = %s GROUP BY 1, 2",
        [workload.tag],
    )
    paid = {(name, number): sorted(ids) for name, number, ids in rows}
    notes = workload.notes
    for key in sorted(notes.asked | paid.keys()):
        told, found = sorted(notes.paid.get(key, ())), paid.get(key, [])
        if len(found) > 1 or (told and told != found) or key not in notes.asked:
            said = f"told {told}, paid {found}"
            yield Violation("what is paid is paid once", str(key), said)
    for said in notes.given_up:
        yield Violation("who insists is answered", "", said)


# --- Messages -------------------------------------------------------------------------------------
def _messages(workload: Workload, database: Database) -> Iterator[Violation]:
    stored = _stored_messages(database, workload.rooms)
    for room, messages in stored.items():
        numbers: dict[str, list[int]] = defaultdict(list)
        for seq, words in messages:
            numbers[words].append(seq)
        for (where, words), seq in workload.notes.acknowledged.items():
            if where == room and numbers[words] != [seq]:
                said = f"{words}: acknowledged as {seq}, found as {numbers[words]}"
                yield Violation("what was acknowledged is there", room, said)
        if [seq for seq, _ in messages] != list(range(1, len(messages) + 1)):
            yield Violation("numbers have no gap", room, f"{len(messages)} messages")
    for place, guest in enumerate(workload.talk.guests):
        if guest.heard != stored[guest.room]:
            said = _first_difference(guest.heard, stored[guest.room])
            yield Violation("everybody hears everything once", f"guest {place}", said)
    for said in workload.notes.disorder:
        yield Violation("everybody hears everything once", "", said)


def _stored_messages(database: Database, rooms: list[str]) -> dict[str, list[tuple[int, str]]]:
    stored: dict[str, list[tuple[int, str]]] = {room: [] for room in rooms}
    for room, seq, body in database.execute(
        "SELECT room.slug, message.seq, message.body FROM realtime_message message"
        " JOIN realtime_room room ON room.id = message.room_id WHERE room.slug = ANY(%s)"
        " ORDER BY room.slug, message.seq",
        [rooms],
    ):
        stored[room].append((seq, body))
    return stored


def _first_difference(heard: list[tuple[int, str]], stored: list[tuple[int, str]]) -> str:
    pairs = zip(heard, stored, strict=False)
    at = next((n for n, (one, other) in enumerate(pairs) if one != other), None)
    if at is None:
        return f"heard {len(heard)} of {len(stored)}"
    return f"heard {heard[at]}, stored {stored[at]}"


# --- Webhooks -------------------------------------------------------------------------------------
_DELIVERIES = """
SELECT event.public_id::text, event.payload ->> 'completionId', event.relayed_at IS NOT NULL,
    delivery.state
FROM quests_outboxevent event
LEFT JOIN (
    quests_delivery delivery
    JOIN quests_webhook webhook ON webhook.id = delivery.webhook_id AND webhook.url = %(url)s
) ON delivery.event_id = event.id
WHERE event.kind = 'quest.completed' AND event.created_at >= %(since)s
"""


def _deliveries(workload: Workload, database: Database) -> Iterator[Violation]:
    """At least once: what the receiver took, by its own notes; or given up, and told so."""
    notes, given_up = workload.notes, set[str]()
    since = workload.began.replace(year=workload.began.year - 1)  # clocks were stepped meanwhile
    for event, completion, is_relayed, state in database.execute(
        _DELIVERIES, {"url": RECEIVER, "since": since}
    ):
        if not is_relayed:
            yield Violation("every event is relayed", event, f"delivery: {state}")
        if state == "delivered" and not notes.events[event]:
            yield Violation("what is delivered has arrived", event, "the receiver never took it")
        if state == "dead":
            given_up.add(completion)
    for completion in sorted(set[str]().union(*notes.paid.values())):
        if not notes.told_of[completion] and completion not in given_up:
            yield Violation("who was told of XP is told of", completion, "no event came of it")
