"""A board's order, cut into segments of known sizes: an order-statistic index kept in a table.

The rank of a player among a million would otherwise take counting everybody above. Here it takes
the sizes of the segments above (some hundreds), and counting within one. A standing's trigger notes
each change in quests_rankchange, in its own transaction; `fold` moves those notes into the sizes.
A reader adds the notes that are not folded yet, in the same snapshot, so what it says is exact at
any time, however late the fold is.

Places are compared as (debt, last_entry), where debt = -XP: smaller stands higher.
"""

from typing import Any

from django.db import connection, transaction

# A segment is cut in two above MOST, and joined to the one before when both have less than LEAST.
MOST = 4_000
LEAST = 1_000
_FOLD_AT_ONCE = 20_000
# Before everybody: where the first segment of a board begins.
FIRST = (-(2**62), 0)
_LOCK = 7_300_001

# Of boards that have segments: one that had its first note since _BEGIN waits for the next time.
_FOLD = """
WITH noted AS (
    DELETE FROM quests_rankchange WHERE id IN (
        SELECT id FROM quests_rankchange
        WHERE board IN (SELECT board FROM quests_ranksegment) ORDER BY id LIMIT %(limit)s
    ) RETURNING board, debt, last_entry, change
), placed AS (
    SELECT noted.board, place.debt, place.last_entry, sum(noted.change) AS players
    FROM noted CROSS JOIN LATERAL (
        SELECT debt, last_entry FROM quests_ranksegment segment
        WHERE segment.board = noted.board
          AND (segment.debt, segment.last_entry) <= (noted.debt, noted.last_entry)
        ORDER BY segment.debt DESC, segment.last_entry DESC LIMIT 1
    ) place GROUP BY 1, 2, 3
), resized AS (
    UPDATE quests_ranksegment segment SET players = segment.players + placed.players
    FROM placed WHERE (segment.board, segment.debt, segment.last_entry)
        = (placed.board, placed.debt, placed.last_entry)
)
SELECT (SELECT count(*) FROM noted)
"""

_BEGIN = """
INSERT INTO quests_ranksegment (board, debt, last_entry, players)
SELECT DISTINCT board, %s::bigint, %s::bigint, 0 FROM quests_rankchange
ON CONFLICT DO NOTHING
"""

# The new segment's size is counted, less what is noted and not yet folded: in one snapshot.
_SPLIT = """
WITH segment AS (
    SELECT debt, last_entry, players, (
        SELECT ROW(debt, last_entry) FROM quests_ranksegment later
        WHERE later.board = %(board)s AND (later.debt, later.last_entry) > (%(debt)s, %(entry)s)
        ORDER BY later.debt, later.last_entry LIMIT 1) AS next
    FROM quests_ranksegment
    WHERE board = %(board)s AND debt = %(debt)s AND last_entry = %(entry)s
), middle AS (
    SELECT standing.xp * -1 AS debt, standing.last_entry FROM quests_standing standing
    WHERE board = %(board)s AND (standing.xp * -1, standing.last_entry) >= (%(debt)s, %(entry)s)
    ORDER BY standing.xp * -1, standing.last_entry OFFSET %(half)s LIMIT 1
), kept AS (
    SELECT (
        SELECT count(*) FROM quests_standing standing, middle
        WHERE standing.board = %(board)s
          AND (standing.xp * -1, standing.last_entry) >= (%(debt)s, %(entry)s)
          AND (standing.xp * -1, standing.last_entry) < (middle.debt, middle.last_entry)
    ) - (
        SELECT coalesce(sum(note.change), 0) FROM quests_rankchange note, middle
        WHERE note.board = %(board)s AND (note.debt, note.last_entry) >= (%(debt)s, %(entry)s)
          AND (note.debt, note.last_entry) < (middle.debt, middle.last_entry)
    ) AS players
), made AS (
    INSERT INTO quests_ranksegment (board, debt, last_entry, players)
    SELECT %(board)s, middle.debt, middle.last_entry, segment.players - kept.players
    FROM middle, segment, kept
    WHERE (middle.debt, middle.last_entry) > (%(debt)s, %(entry)s)
      AND (segment.next IS NULL OR ROW(middle.debt, middle.last_entry) < segment.next)
    RETURNING 1
)
UPDATE quests_ranksegment SET players = kept.players FROM kept, made
WHERE board = %(board)s AND debt = %(debt)s AND last_entry = %(entry)s
"""

_JOIN = """
WITH ordered AS (
    SELECT board, debt, last_entry, players, row_number() OVER place AS number,
        lag(debt) OVER place AS before_debt, lag(last_entry) OVER place AS before_entry,
        lag(players) OVER place AS before_players
    FROM quests_ranksegment WINDOW place AS (PARTITION BY board ORDER BY debt, last_entry)
), joined AS (
    DELETE FROM quests_ranksegment segment USING ordered
    WHERE (segment.board, segment.debt, segment.last_entry)
        = (ordered.board, ordered.debt, ordered.last_entry)
      AND ordered.number %% 2 = 0 AND ordered.players + ordered.before_players < %s
    RETURNING ordered.board, before_debt, before_entry, ordered.players
)
UPDATE quests_ranksegment segment SET players = segment.players + joined.players FROM joined
WHERE (segment.board, segment.debt, segment.last_entry)
    = (joined.board, joined.before_debt, joined.before_entry)
"""

_REBUILD = """
WITH noted AS (DELETE FROM quests_rankchange), old AS (
    DELETE FROM quests_ranksegment
), ordered AS (
    SELECT board, xp * -1 AS debt, last_entry,
        (row_number() OVER (PARTITION BY board ORDER BY xp * -1, last_entry) - 1) / %(size)s AS part
    FROM quests_standing
)
SELECT board, (array_agg(debt ORDER BY debt, last_entry))[1],
    (array_agg(last_entry ORDER BY debt, last_entry))[1], count(*)
FROM ordered GROUP BY board, part ORDER BY board, part
"""


@transaction.atomic
def fold() -> int:
    """Move some notes into the sizes; returns how many. 0 also while somebody else does it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if cursor.fetchone() != (True,):
            return 0
        cursor.execute(_BEGIN, FIRST)
        cursor.execute(_FOLD, {"limit": _FOLD_AT_ONCE})
        (folded,) = cursor.fetchone() or (0,)
        if folded:
            _split_large(cursor)
            cursor.execute(_JOIN, [LEAST])
    return int(folded)


@transaction.atomic
def rebuild() -> int:
    """Cut every board anew; returns how many segments there are. Readers and writers go on: what is
    written meanwhile is noted after the snapshot that this reads."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        # One statement, so one snapshot for notes and standings; and it is taken now, after the
        # wait: an earlier one (REPEATABLE READ) has notes in it that a fold has deleted since.
        cursor.execute(_REBUILD, {"size": MOST // 2})
        rows = cursor.fetchall()
        seen: set[int] = set()
        for board, debt, entry, players in rows:
            begin = (debt, entry) if board in seen else FIRST
            seen.add(board)
            cursor.execute(
                "INSERT INTO quests_ranksegment (board, debt, last_entry, players)"
                " VALUES (%s, %s, %s, %s)",
                [board, *begin, players],
            )
    return len(rows)


def _split_large(cursor: Any) -> None:
    """In halves, until none is large, or what makes one large has left it and is only noted."""
    while True:
        cursor.execute(
            "SELECT board, debt, last_entry, players FROM quests_ranksegment WHERE players > %s",
            [MOST],
        )
        cut = 0
        for board, debt, entry, players in cursor.fetchall():
            place = {"board": board, "debt": debt, "entry": entry, "half": players // 2}
            cursor.execute(_SPLIT, place)
            cut += cursor.rowcount
        if not cut:
            return
