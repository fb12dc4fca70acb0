"""Webhooks and what goes to them: looked at, and sent again or deleted by services, with an audit
entry for each deed."""

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from accounts.operating import ReadOnlyAdmin
from monitoring.wire.problems import Problem
from quests.models import Delivery, OutboxEvent, Webhook
from quests.webhooks import services


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Never its secret: whoever holds that can speak in our name."""

    list_display = ["url", "owner", "events", "created_at", "deleted_at"]
    list_select_related = ["owner"]
    list_filter = [("deleted_at", admin.EmptyFieldListFilter), "created_at"]
    search_fields = ["url", "owner__username", "=public_id"]
    fields = ["public_id", *list_display]
    actions = ["delete_webhooks"]

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("quests.change_webhook")

    @admin.action(description="Delete", permissions=["act"])
    def delete_webhooks(self, request: HttpRequest, webhooks: QuerySet[Webhook]) -> None:
        live = list(webhooks.filter(deleted_at=None))
        for webhook in live:
            services.delete_webhook(webhook=webhook, operator=cast("User", request.user))
        self.message_user(request, f"{len(live)} webhooks deleted.", messages.SUCCESS)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "event",
        "webhook",
        "state",
        "tries",
        "next_try_at",
        "last_status",
        "last_error",
        "finished_at",
    ]
    list_select_related = ["event", "webhook"]
    list_filter = ["state", "event__kind", "last_error", "created_at"]
    search_fields = ["=public_id", "=event__public_id", "=webhook__public_id", "webhook__url"]
    ordering = ["-pk"]
    fields = ["public_id", *list_display, "held_until"]
    actions = ["send_again"]

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("quests.change_delivery")

    @admin.action(description="Send again", permissions=["act"])
    def send_again(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        sent = 0
        for delivery in deliveries:
            try:
                services.resend(delivery=delivery, operator=cast("User", request.user))
                sent += 1
            except Problem as problem:
                self.message_user(request, f"{delivery}: {problem.detail}", messages.WARNING)
        self.message_user(request, f"{sent} deliveries are sent again.", messages.SUCCESS)


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "player", "relayed_at", "deliveries_made"]
    list_select_related = ["player"]
    list_filter = ["kind", ("relayed_at", admin.EmptyFieldListFilter), "created_at"]
    search_fields = ["=public_id", "=correlation_id", "player__username"]
    ordering = ["-pk"]
    fields = ["public_id", *list_display, "payload", "correlation_id"]
