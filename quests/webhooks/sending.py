"""Posting what is due, several at once. No transaction is open while a receiver is waited for."""

import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait

import structlog

from monitoring.breakers import BreakerOpenError, Breakers, Limits
from monitoring.outbound import Connector
from monitoring.postgresql.turns import turn
from monitoring.trace import bound
from quests.models import Delivery
from quests.webhooks.posting import PATIENCE, PORTS, Outcome, post
from quests.webhooks.queue import (
    AT_ONCE_A_WEBHOOK,
    MAX_TRIES,
    claim_due,
    is_any_due,
    record,
)

log = structlog.get_logger(__name__)

AT_ONCE = 16
# How often to look for more while all that is under way is slow.
_LOOK_AGAIN = 0.25
# Of claiming. Deliveries are safe without it: it only keeps slow receivers from every worker.
_TURN = 0x7765_6268_6F6F_6B73  # "webhooks"

# A receiver that keeps silent would hold a place for ten seconds a delivery. By webhook and not by
# host: nobody's broken address may close the way to somebody else's at the same provider.
_BREAKERS = Breakers(
    "webhooks",
    Limits(slow_seconds=PATIENCE / 2, open_seconds=30.0, probes=AT_ONCE_A_WEBHOOK),
    failures=(),  # what a try raises is a fault of ours
)

Tries = dict[Future[Outcome], Delivery]


def send_due(*, seconds: float, connector: Connector | None = None) -> int:
    """Send for up to `seconds`, or until nothing is due; how many tries were made.

    For the last PATIENCE seconds it only waits for what is under way, and the next sender may
    begin: a slow receiver never keeps more than two senders, nor anybody else's deliveries.
    """
    if not is_any_due():  # nearly always: the turn would cost a connection every second
        return 0
    connector = connector or Connector(ports=PORTS)
    end, tries = time.monotonic() + seconds - PATIENCE, 0
    with ThreadPoolExecutor(AT_ONCE, "webhooks") as pool:
        under_way: Tries = {}
        with turn(_TURN) as is_ours:
            while is_ours and time.monotonic() < end:
                for delivery in claim_due(AT_ONCE - len(under_way)):
                    under_way[pool.submit(_try, delivery, connector)] = delivery
                if not under_way:
                    break
                done, _ = wait(under_way, timeout=_LOOK_AGAIN, return_when=FIRST_COMPLETED)
                tries += _record_all(done, under_way)
        return tries + _record_all(as_completed(list(under_way)), under_way)


def _try(delivery: Delivery, connector: Connector) -> Outcome:
    """A fault of ours counts as a try too, or the same delivery would bring it up for ever. So does
    one that was not made because the circuit is open: the next is as much later as after any other.
    """
    with bound(delivery.event.correlation_id):
        try:
            return _guarded_post(delivery, connector)
        except BreakerOpenError:
            return Outcome(None, "circuit_open")
        except Exception:
            log.exception("webhook_try_broke", delivery=str(delivery.public_id))
            return Outcome(None, "internal_error")


def _guarded_post(delivery: Delivery, connector: Connector) -> Outcome:
    """Nothing is given up unasked: the last try is made, whatever the breaker thinks."""
    if delivery.tries + 1 >= MAX_TRIES:
        return post(delivery, connector)
    with _BREAKERS.of(delivery.webhook_id).guard() as call:
        outcome = post(delivery, connector)
        if _keeps_silent(outcome):
            call.fail()
    return outcome


def _keeps_silent(outcome: Outcome) -> bool:
    """A quick refusal holds nobody up, the receiver's as little as our own."""
    return outcome.status is None and outcome.error not in {"address_forbidden", "port_forbidden"}


def _record_all(done: Iterable[Future[Outcome]], under_way: Tries) -> int:
    return sum(record(under_way.pop(future), future.result()) for future in done)
