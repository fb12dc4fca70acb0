"""From events to deliveries: who hears of what."""

from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.events import announce_people_after_commit
from quests.models import OutboxEvent

BATCH = 500

# Whose ears an event reaches: those of its player and of every operator; a test's, of the one
# webhook that it names. The lock on a webhook makes its deletion wait for its new deliveries, or
# them see the deletion. What is counted is the audience, not the rows that were new.
_RELAY = """
WITH batch AS (
    SELECT id, kind, player_id, payload FROM quests_outboxevent WHERE id = ANY(%(ids)s)
), heard AS (
    SELECT batch.id AS event_id, batch.kind, webhook.id AS webhook_id
    FROM batch JOIN quests_webhook webhook ON webhook.owner_id = batch.player_id
    WHERE batch.kind <> %(test)s
    UNION
    SELECT batch.id, batch.kind, webhook.id
    FROM batch CROSS JOIN quests_webhook webhook
    JOIN accounts_user owner ON owner.id = webhook.owner_id
    WHERE batch.kind <> %(test)s AND owner.is_staff
    UNION
    SELECT batch.id, batch.kind, webhook.id
    FROM batch JOIN quests_webhook webhook ON webhook.public_id::text = batch.payload->>'webhook'
    WHERE batch.kind = %(test)s
), audience AS (
    SELECT heard.event_id, webhook.id AS webhook_id
    FROM heard JOIN quests_webhook webhook ON webhook.id = heard.webhook_id
    JOIN accounts_user owner ON owner.id = webhook.owner_id
    WHERE webhook.deleted_at IS NULL AND owner.is_active AND (
        heard.kind = %(test)s
        OR cardinality(webhook.events) = 0 OR heard.kind = ANY(webhook.events)
    )
    FOR SHARE OF webhook
), made AS (
    INSERT INTO quests_delivery (
        public_id, event_id, webhook_id, state, tries, next_try_at, last_error, created_at
    )
    SELECT gen_random_uuid(), event_id, webhook_id, 'waiting', 0, %(now)s, '', %(now)s
    FROM audience ORDER BY event_id, webhook_id
    ON CONFLICT (event_id, webhook_id) DO NOTHING
)
UPDATE quests_outboxevent event
SET relayed_at = %(now)s,
    deliveries_made = (SELECT count(*) FROM audience WHERE audience.event_id = event.id)
WHERE event.id = ANY(%(ids)s)
"""


@transaction.atomic
def relay_once(*, batch: int = BATCH) -> int:
    """Relay the oldest events that wait; how many there were. Relays may run side by side: each
    takes what no other holds, and an event has its deliveries exactly when it is marked.

    Whom they are about is announced once more: a process that was killed right after its commit
    announced nobody.
    """
    waiting = OutboxEvent.objects.filter(relayed_at=None).order_by("id")
    rows = waiting.select_for_update(skip_locked=True).values_list("id", "player_id")[:batch]
    ids, players = [row[0] for row in rows], {row[1] for row in rows} - {None}
    if players:
        announce_people_after_commit(*players)
    if ids:
        parameters: dict[str, Any] = {
            "ids": ids,
            "test": OutboxEvent.Kind.WEBHOOK_TEST.value,
            "now": timezone.now(),
        }
        with connection.cursor() as cursor:
            cursor.execute(_RELAY, parameters)
    return len(ids)
