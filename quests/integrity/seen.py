"""What the rows say: each way to look is one statement, over the last DAYS and the newest MOST rows
of its table, and gives at most ROWS findings.

Facts of the house alone are looked at: clicks, presence, messages, completions. Nothing here knows
an address: a visitor is a hash that nobody can turn back, and that is another one tomorrow.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from monitoring.cache import cacheable

DAYS = 7
MOST = 100_000
ROWS = 20
# Of one finding, so many people are named.
_PEOPLE = 200

# Thresholds. Fewer than these are a family, a quick reader, a quiet guest.
SHARED = 5
RUN, RUN_SECONDS = 5, 60
HASTE_SECONDS = 3
SILENT_MINUTES = 60
FORGED = 10
PASSED_ON, PASSED_ON_SHARE = 20, 0.3
BURST, FRESH_HOURS = 5, 1

_CLICKS = "SELECT * FROM links_markedclick WHERE at >= %(since)s ORDER BY at DESC LIMIT %(most)s"
_DONE = (
    "SELECT * FROM quests_completion WHERE completed_at >= %(since)s "
    "ORDER BY completed_at DESC, id DESC LIMIT %(most)s"
)
# To whom a subject of personal clicks belongs. Another application's subjects are nobody here.
_PERSON = r"""accounts_user person ON person.public_id = CASE
    WHEN mark.subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN mark.subject::uuid END"""

# Every statement gives: from when, until when, two numbers, players, links.

# Different people's addresses, opened by one visitor on one day: one network and one browser.
_SHARED = f"""
SELECT min(click.at), max(click.at), count(DISTINCT person.id), count(*),
    (array_agg(DISTINCT person.id))[:%(people)s], array_agg(DISTINCT mark.link_id)
FROM ({_CLICKS}) mark
JOIN links_click click ON click.event_id = mark.event_id AND click.at = mark.at
JOIN {_PERSON}
WHERE mark.outcome = 'counted' AND click.visitor IS NOT NULL
GROUP BY (click.at AT TIME ZONE 'UTC')::date, click.visitor
HAVING count(DISTINCT person.id) >= %(shared)s
ORDER BY 3 DESC LIMIT %(rows)s
"""  # noqa: S608 - made of constants, as all that follow

# One person's first clicks of RUN different links, the first and the last a minute apart at most:
# nobody reads pages at that pace.
_CLICK_RUNS = f"""
SELECT min(began), max(at), count(*) + %(run)s - 1, 0, ARRAY[id], array_agg(link_id)
FROM (
    SELECT first.*, lag(at, %(run)s - 1) OVER (PARTITION BY id ORDER BY at) AS began FROM (
        SELECT DISTINCT ON (person.id, mark.link_id) person.id, mark.link_id, mark.at
        FROM ({_CLICKS}) mark JOIN {_PERSON}
        WHERE mark.outcome = 'counted' ORDER BY person.id, mark.link_id, mark.at
    ) first
) pace WHERE at - began <= make_interval(secs => %(run_seconds)s)
GROUP BY id ORDER BY 3 DESC LIMIT %(rows)s
"""  # noqa: S608 - of constants

# RUN quests in a minute, each complete within moments of its start. One alone says nothing: who
# knows the answer is done at once. Quests that ask for nothing do not count.
_DONE_RUNS = f"""
SELECT min(began), max(completed_at), count(*) + %(run)s - 1, 0, ARRAY[player_id], ARRAY[]::bigint[]
FROM (
    SELECT done.player_id, done.completed_at, lag(done.completed_at, %(run)s - 1) OVER (
        PARTITION BY done.player_id ORDER BY done.completed_at) AS began
    FROM ({_DONE}) done JOIN quests_attempt attempt USING (player_id, quest_id, period)
    WHERE done.completed_at - attempt.started_at < make_interval(secs => %(haste_seconds)s)
        AND EXISTS (SELECT FROM quests_requirement step WHERE step.quest_id = done.quest_id)
) pace WHERE completed_at - began <= make_interval(secs => %(run_seconds)s)
GROUP BY player_id ORDER BY 3 DESC LIMIT %(rows)s
"""  # noqa: S608 - of constants

# An hour and more in rooms on one day, and not one message, word, click or other deed.
_SILENT = """
SELECT began, ended, minutes, 0, ARRAY[player_id], ARRAY[]::bigint[]
FROM (
    SELECT player_id, min(occurred_at) AS began, max(occurred_at) AS ended,
        date_trunc('day', occurred_at, 'UTC') AS day,
        count(DISTINCT date_trunc('minute', occurred_at)) AS minutes
    FROM (SELECT * FROM quests_evidence ORDER BY id DESC LIMIT %(most)s) seen
    WHERE kind = 'room_presence' AND payload ? 'minute' AND occurred_at >= %(since)s
    GROUP BY player_id, date_trunc('day', occurred_at, 'UTC')
    HAVING count(DISTINCT date_trunc('minute', occurred_at)) >= %(silent_minutes)s
) quiet
JOIN accounts_user person ON person.id = player_id
WHERE NOT EXISTS (
    SELECT FROM realtime_message said WHERE said.sender_id = player_id
        AND said.created_at >= day AND said.created_at < day + interval '1 day'
) AND NOT EXISTS (
    SELECT FROM quests_challenge asked JOIN quests_attempt attempt ON attempt.id = asked.attempt_id
    WHERE attempt.player_id = quiet.player_id
        AND asked.answered_at >= day AND asked.answered_at < day + interval '1 day'
) AND NOT EXISTS (
    SELECT FROM quests_evidence other WHERE other.player_id = quiet.player_id
        AND other.kind <> 'room_presence'
        AND other.occurred_at >= day AND other.occurred_at < day + interval '1 day'
) AND NOT EXISTS (
    SELECT FROM links_markedclick mark WHERE mark.subject = person.public_id::text
        AND mark.outcome <> 'bot' AND mark.at >= day AND mark.at < day + interval '1 day'
)
ORDER BY minutes DESC LIMIT %(rows)s
"""

# Tokens that nobody here has signed, by link and hour.
_FORGED = f"""
SELECT min(at), max(at), count(*), 0, ARRAY[]::bigint[], ARRAY[link_id]
FROM ({_CLICKS}) mark WHERE outcome = 'forged'
GROUP BY date_trunc('hour', at), link_id HAVING count(*) >= %(forged)s
ORDER BY 3 DESC LIMIT %(rows)s
"""  # noqa: S608 - of constants

# Links whose personal addresses are opened in another browser than the one they were given to.
_PASSED_ON = f"""
SELECT min(at), max(at), count(*) FILTER (WHERE outcome = 'other_browser'), count(*),
    coalesce((array_agg(DISTINCT person.id)
        FILTER (WHERE outcome = 'other_browser' AND person.id IS NOT NULL))[:%(people)s],
        ARRAY[]::bigint[]), ARRAY[link_id]
FROM ({_CLICKS}) mark LEFT JOIN {_PERSON}
WHERE outcome IN ('counted', 'other_browser')
GROUP BY link_id
HAVING count(*) >= %(passed_on)s
    AND count(*) FILTER (WHERE outcome = 'other_browser') >= %(passed_on_share)s * count(*)
ORDER BY 3 DESC LIMIT %(rows)s
"""  # noqa: S608 - of constants

# Completions in one second by accounts that are not an hour old, told by the minute.
_BURSTS = f"""
SELECT min(completed_at), max(completed_at), max(at_once), count(*),
    (array_agg(DISTINCT player_id))[:%(people)s], ARRAY[]::bigint[]
FROM (
    SELECT done.player_id, done.completed_at,
        count(*) OVER (PARTITION BY date_trunc('second', done.completed_at)) AS at_once
    FROM ({_DONE}) done JOIN accounts_user person ON person.id = done.player_id
    WHERE done.completed_at - person.date_joined < make_interval(hours => %(fresh_hours)s)
) fresh WHERE at_once >= %(burst)s
GROUP BY date_trunc('minute', completed_at) ORDER BY 3 DESC LIMIT %(rows)s
"""  # noqa: S608 - of constants


class Finding(NamedTuple):
    """`many` and `whole` are the two numbers of its statement; players and links by their keys."""

    code: str
    since: datetime
    until: datetime
    many: int
    whole: int
    players: list[int]
    links: list[int]


class Look(NamedTuple):
    """A way to look. `evidence` is the kind whose evidence the findings are about; "" when they are
    about the completions themselves. `severity` says how bad one is."""

    statement: str
    evidence: str
    severity: Callable[[Finding], str]


LOOKS: Mapping[str, Look] = {
    "shared": Look(_SHARED, "visit_link", lambda one: "high" if one.many >= 20 else "medium"),
    "click_run": Look(_CLICK_RUNS, "visit_link", lambda _: "medium"),
    "completion_run": Look(_DONE_RUNS, "", lambda _: "high"),
    "silent": Look(_SILENT, "room_presence", lambda one: "medium" if one.many >= 180 else "low"),
    "forged": Look(_FORGED, "visit_link", lambda one: "high" if one.many >= 100 else "medium"),
    "passed_on": Look(_PASSED_ON, "visit_link", lambda _: "medium"),
    "burst": Look(_BURSTS, "", lambda one: "high" if one.many >= 20 else "medium"),
}


@cacheable(ttl=30)
def findings() -> list[Finding]:
    """A query each; over the most rows that they look at, they take some seconds."""
    values = {
        "since": timezone.now() - timedelta(days=DAYS), "most": MOST, "rows": ROWS,
        "people": _PEOPLE, "shared": SHARED, "run": RUN, "run_seconds": RUN_SECONDS,
        "haste_seconds": HASTE_SECONDS, "silent_minutes": SILENT_MINUTES, "forged": FORGED,
        "passed_on": PASSED_ON, "passed_on_share": PASSED_ON_SHARE, "burst": BURST,
        "fresh_hours": FRESH_HOURS,
    }  # fmt: skip
    found = []
    for code, look in LOOKS.items():
        found += [Finding(code, *row) for row in _rows(look.statement, values)]
    return found


def _rows(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, dict(values))
        return list(cursor.fetchall())
