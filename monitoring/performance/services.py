"""The performance of this instance, from what all its web workers count in common."""

import time
from functools import lru_cache
from typing import Any

from monitoring import metrics
from monitoring.performance.figures import figures
from monitoring.performance.recommendations import recommendations
from monitoring.performance.snapshots import Change, History, snapshot

SNAPSHOT_SECONDS = 15.0
WINDOW_SECONDS = 300.0
STARTED_AT = time.time()


@lru_cache(maxsize=1)
def history() -> History:
    """Of this process: enough snapshots for the window."""
    return History(most=int(WINDOW_SECONDS / SNAPSHOT_SECONDS) + 1)


def remember() -> None:
    """Without what is announced: those are gauges, and they ask the stores."""
    history().add(snapshot(metrics.families(announced=False), time.time()))


def performance(seconds: float = WINDOW_SECONDS) -> dict[str, Any]:
    """Over the last `seconds`, or since this process began when that is less."""
    now = time.time()
    newer = snapshot(metrics.families(), now)
    older = history().before(now - seconds)
    if older is None:  # nothing to compare with: what was counted since the start
        older = snapshot((), STARTED_AT)
    found = figures(Change(older, newer))
    return {**found, "recommendations": recommendations(found)}
