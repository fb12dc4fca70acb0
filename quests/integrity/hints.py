"""Findings as sentences, with the people and links that they are about, and with the completions
that rest on them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from accounts.models import User
from links.models import Link
from quests.integrity import seen
from quests.integrity.seen import LOOKS, Finding
from quests.models import Completion

# Of each hint; as many as are held at once.
MOST_COMPLETIONS = 200
_ORDER = ("high", "medium", "low")

# What is paid and rests on evidence of that kind from that time; of no kind, what was completed
# then. Two statements in one would cost the planner both ways for each row.
_RESTING = """
SELECT wanted.hint, done.id
FROM unnest(%(hints)s::int[], %(players)s::bigint[], %(kinds)s::text[], %(since)s::timestamptz[],
    %(until)s::timestamptz[]) wanted (hint, player_id, kind, since, until)
JOIN LATERAL (
    SELECT id FROM quests_completion done
    WHERE done.player_id = wanted.player_id AND done.status = 'paid'
        AND done.completed_at >= wanted.since AND CASE
            WHEN wanted.kind = '' THEN done.completed_at <= wanted.until
            ELSE EXISTS (
                SELECT FROM quests_evidence seen WHERE seen.completion_id = done.id
                    AND seen.kind = wanted.kind
                    AND seen.occurred_at BETWEEN wanted.since AND wanted.until
            ) END
    ORDER BY done.completed_at DESC LIMIT %(most)s
) done ON true
ORDER BY 1, 2
"""


class _Words(NamedTuple):
    """What was seen, and what honest thing looks the same."""

    sentence: str
    note: str


_SENTENCES = {
    "shared": _Words(
        "{count:,} people opened their personal addresses ({whole:,} clicks) through one network "
        "and one browser on one day.",
        note="A campus, an office or a carrier's network looks like that, too, when everybody has "
        "the same browser.",
    ),
    "click_run": _Words(
        "Opened {count:,} different links at a pace of {run} in {run_seconds} s.",
        note="Nobody reads so fast; but who opens many tabs first and reads afterwards does this.",
    ),
    "completion_run": _Words(
        "Completed {count:,} quests at a pace of {run} in {run_seconds} s, each less than "
        "{haste_seconds} s after its start.",
        note="A script does that; somebody who knew all the answers would have to type them.",
    ),
    "silent": _Words(
        "Was present for {count:,} minutes of a day without one message, answered word or click.",
        note="A quiet listener does so, too. A step that asks for a word now and then would tell.",
    ),
    "forged": _Words(
        "{count:,} clicks in an hour came with a personal address that nobody here has signed.",
        note="Nothing was paid for them. Somebody tries, or a posted address was cut off.",
    ),
    "passed_on": _Words(
        "{count:,} of {whole:,} clicks of personal addresses came from another browser than the "
        "one that asked for them.",
        note="Addresses are passed on; or people ask on one device and open on another.",
    ),
    "burst": _Words(
        "{count:,} completions in one second, {whole:,} in its minute, by accounts less than "
        "{fresh_hours} h old.",
        note="When a talk begins it looks a little like that; a farm looks exactly like that.",
    ),
}
_THRESHOLDS = {
    "run": seen.RUN,
    "run_seconds": seen.RUN_SECONDS,
    "haste_seconds": seen.HASTE_SECONDS,
    "fresh_hours": seen.FRESH_HOURS,
}


@dataclass(frozen=True, slots=True)
class Hint:
    """`note` says what honest thing may look the same. `completions` are paid, the newest first."""

    code: str
    severity: str
    since: datetime
    until: datetime
    sentence: str
    note: str
    players: Sequence[User]
    links: Sequence[Link]
    completions: Sequence[Completion]


def look() -> list[Hint]:
    """The worst first. Costs the same few queries whatever is found."""
    found = seen.findings()
    people = User.objects.in_bulk({id_ for one in found for id_ in one.players})
    links = Link.objects.in_bulk({id_ for one in found for id_ in one.links})
    resting = _resting(found)
    hints = [_hint(one, people, links, resting[number]) for number, one in enumerate(found)]
    return sorted(hints, key=lambda hint: (_ORDER.index(hint.severity), -hint.until.timestamp()))


def _hint(
    one: Finding,
    people: Mapping[int, User],
    links: Mapping[int, Link],
    completions: Sequence[Completion],
) -> Hint:
    words = _SENTENCES[one.code]
    return Hint(
        code=one.code,
        severity=LOOKS[one.code].severity(one),
        since=one.since,
        until=one.until,
        sentence=words.sentence.format(count=one.many, whole=one.whole, **_THRESHOLDS),
        note=words.note,
        players=[people[id_] for id_ in one.players if id_ in people],
        links=[links[id_] for id_ in sorted(set(one.links)) if id_ in links],
        completions=completions,
    )


def _resting(found: Sequence[Finding]) -> Mapping[int, Sequence[Completion]]:
    """By the place of the finding: two queries, and none where there is nobody to look for."""
    wanted = [
        (number, player, LOOKS[one.code].evidence, one.since, one.until)
        for number, one in enumerate(found)
        for player in one.players
    ]
    pairs = _pairs(wanted) if wanted else []
    rows = Completion.objects.select_related("player", "quest")
    completions = rows.in_bulk({id_ for _, id_ in pairs})
    resting: dict[int, list[Completion]] = defaultdict(list)
    for number, id_ in pairs:
        if id_ in completions and len(resting[number]) < MOST_COMPLETIONS:
            resting[number].append(completions[id_])
    return resting


def _pairs(wanted: Iterable[tuple[int, int, str, datetime, datetime]]) -> list[tuple[int, int]]:
    names = ("hints", "players", "kinds", "since", "until")
    columns = dict(zip(names, map(list, zip(*wanted, strict=True)), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_RESTING, {**columns, "most": MOST_COMPLETIONS})
        return [(hint, completion) for hint, completion in cursor.fetchall()]
