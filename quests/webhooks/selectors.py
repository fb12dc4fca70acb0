"""Reads of webhooks. Everything is one owner's: what belongs to others is not found."""

from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from monitoring.wire.problems import Problem
from quests.models import Delivery, Webhook


def webhooks_of(owner: User) -> QuerySet[Webhook]:
    return Webhook.objects.filter(owner=owner, deleted_at=None)


def find_webhook(owner: User, public_id: UUID) -> Webhook:
    webhook = webhooks_of(owner).filter(public_id=public_id).first()
    if webhook is None:
        raise Problem("webhook_not_found", "You have no such webhook.", status=404)
    return webhook


def deliveries_of(webhook: Webhook, *, state: str | None = None) -> QuerySet[Delivery]:
    deliveries = webhook.deliveries.select_related("event")
    return deliveries.filter(state=state) if state else deliveries


def find_delivery(webhook: Webhook, public_id: UUID) -> Delivery:
    delivery = deliveries_of(webhook).filter(public_id=public_id).first()
    if delivery is None:
        raise Problem("delivery_not_found", "There is no such delivery.", status=404)
    return delivery
