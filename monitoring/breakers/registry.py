"""All breakers of this process: their figures, and what the log says of them.

In the metrics a breaker has the name of its kind alone: whom it is for may be anybody's address.
"""

from collections import Counter as Tally
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

import structlog
from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from monitoring.breakers.breaker import Breaker, State

logger = structlog.get_logger("rallypoint.breakers")

STATES = Gauge(
    "rallypoint_breakers",
    "Circuits that are not closed, by kind and state, over all processes.",
    ["breaker", "state"],
    multiprocess_mode="livesum",
)
TRANSITIONS = Counter("rallypoint_breaker_transitions", "Changes of state.", ["breaker", "state"])
REFUSALS = Counter("rallypoint_breaker_refusals", "Calls that were not made.", ["breaker"])
_SHOWN = ("half_open", "open")

_lock = Lock()
_all: "WeakSet[Breaker]" = WeakSet()


def add(breaker: "Breaker") -> None:
    with _lock:
        _all.add(breaker)


def tell(breaker: "Breaker", before: "State", now: "State", *, logged: bool = True) -> None:
    """Called after every look at a breaker: most of them changed nothing."""
    if now is before:
        return
    TRANSITIONS.labels(breaker.name, str(now)).inc()
    show(breaker.name)
    if not logged:
        return
    is_new = before.value == "closed"
    (logger.warning if is_new else logger.info)(
        "breaker_changed", breaker=breaker.name, before=str(before), now=str(now)
    )


def count_refusal(name: str) -> None:
    REFUSALS.labels(name).inc()


def show(name: str) -> None:
    """Counted anew each time: sums that are only moved up and down drift."""
    with _lock:
        tally = Tally(str(one.state) for one in _all if one.name == name)
        for state in _SHOWN:
            STATES.labels(name, state).set(tally[state])


def report() -> dict[str, dict[str, int]]:
    """How many circuits of each kind are in each state, in this process."""
    with _lock:
        tallies: dict[str, Tally[str]] = {}
        for one in _all:
            tallies.setdefault(one.name, Tally())[str(one.state)] += 1
    return {name: dict(tally) for name, tally in sorted(tallies.items())}


def reset_all() -> None:
    """Closed, whatever has happened: tests begin so."""
    with _lock:
        breakers = list(_all)
    for breaker in breakers:
        breaker.reset()
