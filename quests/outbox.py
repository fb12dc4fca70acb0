"""Telling the world: an event is written with its cause and relayed to webhooks afterwards."""

from collections.abc import Mapping
from typing import Any

from monitoring.trace import correlation_id
from quests.models import OutboxEvent


def announce(
    *, kind: OutboxEvent.Kind, player_id: int | None = None, payload: Mapping[str, Any]
) -> OutboxEvent:
    """In the caller's transaction: what is rolled back was never announced. `payload` goes over the
    wire as it is, as `data`; `player_id` is whom it is about, and who may hear of it."""
    return OutboxEvent.objects.create(
        kind=kind,
        player_id=player_id,
        payload=dict(payload),
        correlation_id=correlation_id(),
    )
