"""From a click to the XP on the player's open page, at 500 clicks a second.

Two web workers, Celery's worker and beat, PostgreSQL, Redis and the clients share the machine. One
click in `share` is that of a player's own address: she has a socket open, and the clock runs from
the redirect's answer to her frame `quest:completed`. The others are clicks like any, drained with
hers.
"""

from benchmarks.evidence.measuring import run

__all__ = ["run"]
