"""Which deliveries are due, who holds them, and what becomes of them after a try."""

import random
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection
from django.utils import timezone

from monitoring.postgresql.retries import retried
from monitoring.trace import bound
from quests import audit
from quests.models import Delivery, Webhook
from quests.webhooks.posting import GONE, Outcome

log = structlog.get_logger(__name__)

# Three times what a try may take. A sender that is killed lets its deliveries go after that.
LEASE = timedelta(seconds=30)
# At once and everywhere: of one webhook, and of all webhooks of one owner.
AT_ONCE_A_WEBHOOK = 2
AT_ONCE_AN_OWNER = 8
# The last of them comes 16 hours after the first on average, and 32 at the latest.
MAX_TRIES = 12
_FIRST_PAUSE, _FACTOR, _LONGEST_PAUSE = 5.0, 4, 6 * 3600.0

# Each webhook offers the first of its own queue, as many as it has places free, so a long queue
# costs no more to look at than a short one, and hides no other.
_CLAIM = """
WITH held AS (
    SELECT delivery.webhook_id, webhook.owner_id
    FROM quests_delivery delivery JOIN quests_webhook webhook ON webhook.id = delivery.webhook_id
    WHERE delivery.state = 'waiting' AND delivery.held_until > %(now)s
), offered AS (
    SELECT due.id, due.next_try_at, webhook.owner_id,
           taken.count + row_number() OVER (
               PARTITION BY webhook.id ORDER BY due.next_try_at, due.id
           ) AS place
    FROM quests_webhook webhook
    CROSS JOIN LATERAL (SELECT count(*) FROM held WHERE held.webhook_id = webhook.id) taken
    CROSS JOIN LATERAL (
        SELECT id, next_try_at FROM quests_delivery
        WHERE webhook_id = webhook.id AND state = 'waiting' AND next_try_at <= %(now)s
          AND (held_until IS NULL OR held_until <= %(now)s)
        ORDER BY next_try_at, id
        LIMIT greatest(0, %(of_webhook)s - taken.count)
    ) due
    WHERE webhook.deleted_at IS NULL
), ranked AS (
    SELECT offered.*,
           (SELECT count(*) FROM held WHERE held.owner_id = offered.owner_id) + row_number() OVER (
               PARTITION BY owner_id ORDER BY place, next_try_at, id
           ) AS owners_place
    FROM offered
)
UPDATE quests_delivery SET held_until = %(until)s
WHERE id IN (
    SELECT id FROM ranked WHERE owners_place <= %(of_owner)s
    ORDER BY place, next_try_at, id LIMIT %(room)s
) AND state = 'waiting' AND (held_until IS NULL OR held_until <= %(now)s)
RETURNING id
"""


def is_any_due() -> bool:
    """Perhaps it is being sent already."""
    due = Delivery.objects.filter(state=Delivery.State.WAITING, next_try_at__lte=timezone.now())
    return due.exists()


@retried
def claim_due(room: int) -> list[Delivery]:
    """Take up to `room` deliveries whose time has come. One statement: whoever claims at the same
    moment waits for it, and then sees that they are held."""
    now = timezone.now()
    if not room or not is_any_due():
        return []
    parameters: dict[str, Any] = {
        "now": now,
        "until": now + LEASE,
        "room": room,
        "of_webhook": AT_ONCE_A_WEBHOOK,
        "of_owner": AT_ONCE_AN_OWNER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        ids = [row[0] for row in cursor.fetchall()]
    claimed = Delivery.objects.filter(pk__in=ids, state=Delivery.State.WAITING)
    return list(claimed.select_related("event__player", "webhook"))


@retried
def record(delivery: Delivery, outcome: Outcome) -> bool:
    """Note what came of a try; False when somebody else holds the delivery by now, or it was given
    up meanwhile: then it is theirs to say."""
    is_gone = outcome.status == GONE
    if is_gone:  # before the delivery, as everybody locks them
        Webhook.objects.select_for_update().get(pk=delivery.webhook_id)
    held = Delivery.objects.filter(
        pk=delivery.pk, state=Delivery.State.WAITING, held_until=delivery.held_until
    )
    if not held.update(**_after(delivery.tries + 1, outcome, timezone.now())):
        return False
    if is_gone:
        give_up(delivery.webhook, error="gone")
        audit.record(actor=None, action="webhook.gone", subject=str(delivery.webhook))
    _tell(delivery, outcome)
    return True


def give_up(webhook: Webhook, *, error: str) -> None:
    """The webhook is deleted and what still waits for it is dead; a second time changes nothing.
    In the caller's transaction."""
    now = timezone.now()
    Webhook.objects.filter(pk=webhook.pk, deleted_at=None).update(deleted_at=now)
    Delivery.objects.filter(webhook=webhook, state=Delivery.State.WAITING).update(
        state=Delivery.State.DEAD, finished_at=now, held_until=None, last_error=error
    )


def pause_after(tries: int) -> timedelta:
    """Exponential with full jitter: those who failed together do not come back together."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * _FACTOR ** (tries - 1))
    return timedelta(seconds=random.uniform(0, longest))  # noqa: S311 - spreads load, no secret


def _after(tries: int, outcome: Outcome, now: datetime) -> dict[str, Any]:
    columns = {
        "tries": tries,
        "held_until": None,
        "last_status": outcome.status,
        "last_error": outcome.error,
    }
    if not outcome.error:
        return columns | {"state": Delivery.State.DELIVERED, "finished_at": now}
    if tries >= MAX_TRIES:
        return columns | {"state": Delivery.State.DEAD, "finished_at": now}
    return columns | {"next_try_at": now + pause_after(tries)}


def _tell(delivery: Delivery, outcome: Outcome) -> None:
    if outcome.error:
        with bound(delivery.event.correlation_id):
            log.warning(
                "webhook_try_failed",
                webhook=str(delivery.webhook.public_id),
                delivery=str(delivery.public_id),
                code=outcome.error,
                status=outcome.status,
                tries=delivery.tries + 1,
            )
