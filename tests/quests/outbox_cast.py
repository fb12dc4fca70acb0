"""What tests of the outbox share: events, webhooks, and deliveries on their way."""

from typing import Any

from accounts.models import User
from quests.models import Delivery, OutboxEvent, Webhook
from quests.outbox import announce
from quests.webhooks.relay import relay_once
from quests.webhooks.services import create_webhook

Kind = OutboxEvent.Kind
State = Delivery.State


def complete(player: User | None = None, **payload: Any) -> OutboxEvent:
    return announce(
        kind=Kind.QUEST_COMPLETED, player_id=player.pk if player else None, payload=payload
    )


def hook(owner: User, url: str = "http://example.test/hook", **fields: Any) -> Webhook:
    return create_webhook(owner=owner, url=url, **fields)[0]


def on_its_way(webhook: Webhook, **payload: Any) -> Delivery:
    """A delivery of a new event of the owner's own."""
    event = complete(webhook.owner, **payload)
    relay_once()
    return Delivery.objects.get(event=event, webhook=webhook)
