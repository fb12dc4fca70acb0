"""What goes over the wire about webhooks, with examples."""

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from links.api.serializers import Page
from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField
from monitoring.wire.inputs import StrictInput
from quests.models import Delivery, OutboxEvent, Webhook
from quests.webhooks.services import MAX_URL_LENGTH

# A test reaches its webhook unasked.
KINDS = [kind.value for kind in OutboxEvent.Kind if kind != OutboxEvent.Kind.WEBHOOK_TEST]


class WebhookInput(StrictInput):
    url = serializers.CharField(max_length=MAX_URL_LENGTH)
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=KINDS),
        max_length=len(KINDS),
        required=False,
        help_text="Which kinds of events; every kind when left out or empty.",
    )


class WebhookOutput(CamelCaseMixin, serializers.ModelSerializer[Webhook]):
    id = serializers.UUIDField(source="public_id")
    events = serializers.ListField(child=serializers.ChoiceField(choices=KINDS))

    class Meta:
        model = Webhook
        fields = ["id", "url", "events", "created_at"]


class NewWebhookOutput(WebhookOutput):
    secret = serializers.CharField(help_text="Shown this once.")

    class Meta(WebhookOutput.Meta):
        fields = [*WebhookOutput.Meta.fields, "secret"]


class DeliveryOutput(CamelCaseMixin, serializers.ModelSerializer[Delivery]):
    id = serializers.UUIDField(source="public_id")
    event_id = serializers.UUIDField(
        source="event.public_id", help_text="The `Webhook-Id` of every try."
    )
    type = serializers.ChoiceField(choices=OutboxEvent.Kind.choices, source="event.kind")
    state = serializers.ChoiceField(choices=Delivery.State.choices)
    next_try_at = serializers.SerializerMethodField(help_text="Null when it is finished.")
    last_error = serializers.CharField(
        allow_blank=True,
        help_text="Of the last try: `timeout`, `unreachable`, `name_unresolved`, `tls_failed`, "
        "`address_forbidden`, `port_forbidden`, `bad_response`, `redirected`, `status`, `gone`, "
        "`internal_error`; "
        "`webhook_deleted` when there was none; empty when it arrived.",
    )

    class Meta:
        model = Delivery
        fields = [
            "id",
            "event_id",
            "type",
            "state",
            "tries",
            "next_try_at",
            "last_status",
            "last_error",
            "created_at",
            "finished_at",
        ]

    def get_next_try_at(self, delivery: Delivery) -> str | None:
        if delivery.state != Delivery.State.WAITING:
            return None
        return WireDateTimeField().to_representation(delivery.next_try_at)


class TestOutput(CamelCaseMixin, serializers.Serializer[OutboxEvent]):
    event_id = serializers.UUIDField(source="public_id")


class WebhookPage(Page):
    results = WebhookOutput(many=True)


class DeliveryPage(Page):
    results = DeliveryOutput(many=True)


_WEBHOOK: dict[str, Any] = {
    "id": "5b1c6f0e-6e0f-4a57-9d9f-3f6a5f1f2c11",
    "url": "https://example.com/hooks/rallypoint",
    "events": ["quest.completed"],
    "createdAt": "2031-05-01T09:30:00.000Z",
}
_DELIVERY: dict[str, Any] = {
    "id": "0d6ce7a4-3a8b-4f0c-8f0e-5f8b9f6f7a01",
    "eventId": "f2b5d0a3-52d6-4c0c-9a52-cf1f2b8f7d55",
    "type": "quest.completed",
    "state": "waiting",
    "tries": 2,
    "nextTryAt": "2031-05-01T09:30:14.250Z",
    "lastStatus": 503,
    "lastError": "status",
    "createdAt": "2031-05-01T09:30:00.000Z",
    "finishedAt": None,
}
WANTED = OpenApiExample(
    "Completions", {name: _WEBHOOK[name] for name in ("url", "events")}, request_only=True
)
WEBHOOK = OpenApiExample("A webhook", _WEBHOOK, response_only=True, status_codes=["200"])
NEW_WEBHOOK = OpenApiExample(
    "The new webhook",
    {**_WEBHOOK, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"},
    response_only=True,
    status_codes=["201"],
)
DELIVERY = OpenApiExample("On its way", _DELIVERY, response_only=True, status_codes=["200", "202"])
TEST = OpenApiExample(
    "The test's event", {"eventId": _DELIVERY["eventId"]}, response_only=True, status_codes=["202"]
)
