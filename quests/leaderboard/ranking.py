"""Who stands where on a board: any page, anybody's rank, and who is around. Exact in one snapshot;
see quests.leaderboard.segments for how."""

from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS

from monitoring.postgresql.prepared import fetch_row
from quests.leaderboard.segments import FIRST

# Segments and the notes not yet folded in one order: whoever stands above a segment is in the sizes
# of those before it, or noted before it. A note at its very begin is its own, and comes after it.
_SEGMENTS = f"""cut AS (
    SELECT debt, last_entry, players FROM quests_ranksegment WHERE board = %(board)s
    UNION ALL SELECT {FIRST[0]}, {FIRST[1]}, 0
    WHERE NOT EXISTS (SELECT FROM quests_ranksegment WHERE board = %(board)s)
), sized AS (
    SELECT debt, last_entry, players::integer AS players, true AS is_segment FROM cut
    UNION ALL
    SELECT debt, last_entry, change, false FROM quests_rankchange WHERE board = %(board)s
), summed AS (
    SELECT debt, last_entry, is_segment, sum(players) OVER () AS total,
        coalesce(sum(players) OVER (ORDER BY debt, last_entry, is_segment DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::bigint AS before
    FROM sized
), counted AS (
    SELECT debt, last_entry, total, before FROM summed WHERE is_segment
)"""  # noqa: S608 - made of constants

# The start comes as values, not as a table to join: the index is entered there, not at its top.
_PAGE = f"""WITH {_SEGMENTS}, start AS (
    SELECT debt, last_entry, before FROM counted WHERE before <= %(offset)s
    ORDER BY debt DESC, last_entry DESC LIMIT 1
), page AS (
    SELECT player_id, xp, completions, xp * -1 AS debt, last_entry
    FROM quests_standing
    WHERE board = %(board)s
      AND (xp * -1, last_entry) >= ((SELECT debt FROM start), (SELECT last_entry FROM start))
    ORDER BY xp * -1, last_entry
    OFFSET (SELECT %(offset)s - before FROM start) LIMIT %(limit)s
)
SELECT (SELECT max(total) FROM counted)::bigint,
    (SELECT array_agg(ARRAY[player_id, xp, completions] ORDER BY debt, last_entry) FROM page)
"""  # noqa: S608 - made of constants

_RANK = f"""WITH {_SEGMENTS}, mine AS (
    SELECT xp * -1 AS debt, last_entry FROM quests_standing
    WHERE board = %(board)s AND player_id = %(player)s
), start AS (
    SELECT counted.debt, counted.last_entry, counted.before FROM counted, mine
    WHERE (counted.debt, counted.last_entry) <= (mine.debt, mine.last_entry)
    ORDER BY counted.debt DESC, counted.last_entry DESC LIMIT 1
)
SELECT (SELECT 1 + start.before + (
        SELECT count(*) FROM quests_standing above
        WHERE above.board = %(board)s
          AND (above.xp * -1, above.last_entry) >= (start.debt, start.last_entry)
          AND (above.xp * -1, above.last_entry) < (mine.debt, mine.last_entry))
    FROM start, mine)::bigint
"""  # noqa: S608 - made of constants


class Place(NamedTuple):
    rank: int
    player_id: int
    xp: int
    completions: int


class Page(NamedTuple):
    """`total` is how many players the board has."""

    places: list[Place]
    total: int
    offset: int


def page(board: int, *, offset: int, limit: int, using: str = DEFAULT_DB_ALIAS) -> Page:
    asked = {"board": board, "offset": offset, "limit": limit}
    total, rows = fetch_row(_PAGE, asked, using=using)
    places = [Place(offset + number, *row) for number, row in enumerate(rows or [], 1)]
    return Page(places, total, offset)


def rank(board: int, player_id: int) -> int | None:
    """1 for the first; None for somebody who is not on the board."""
    found: int | None = fetch_row(_RANK, {"board": board, "player": player_id})[0]
    return found


def around(board: int, player_id: int, *, limit: int) -> Page | None:
    """The page with the player in its middle; None for somebody who is not on the board."""
    place = rank(board, player_id)
    if place is None:
        return None
    return page(board, offset=max(0, place - 1 - limit // 2), limit=limit)
