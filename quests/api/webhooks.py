"""`/api/webhooks`: where somebody wants to hear of events, and what became of each."""

from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsPerson, caller
from links.api.parsing import parsed
from monitoring.wire.filters import Choice, Query
from monitoring.wire.idempotency import idempotent
from monitoring.wire.pagination import CursorPagination
from quests.api import webhook_serializers as wire
from quests.models import Delivery
from quests.webhooks import selectors, services

SECRET_HEADERS = {"Cache-Control": "no-store"}


class WebhooksView(APIView):
    permission_classes = [IsPerson]
    write_tiers = ("strict",)
    query = Query()
    ordering = ("-created_at", "-pk")

    @extend_schema(
        operation_id="webhooks_list", summary="Your webhooks", tags=["webhooks"],
        responses=wire.WebhookPage, examples=[wire.WEBHOOK],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        self.query.read(request)
        paginator = CursorPagination()
        page = paginator.paginate_queryset(selectors.webhooks_of(caller(request)), request, self)
        return paginator.get_paginated_response(wire.WebhookOutput(page, many=True).data)

    @extend_schema(
        operation_id="webhooks_create", summary="Make a webhook", tags=["webhooks"],
        description="An operator's hears of every event, a player's of her own. `secret` is shown "
        "this once, also with an Idempotency-Key. http and https, on the ports 80, 443, 8080 and "
        f"8443, to public addresses alone. At most {services.MAX_A_USER}: then 409 "
        "`too_many_webhooks`.",
        request=wire.WebhookInput, responses={201: wire.NewWebhookOutput},
        examples=[wire.WANTED, wire.NEW_WEBHOOK],
    )  # fmt: skip
    @idempotent(sensitive=True)
    def post(self, request: Request) -> Response:
        data = parsed(wire.WebhookInput(data=request.data))
        webhook, secret = services.create_webhook(owner=caller(request), **data)
        return Response(
            {**wire.WebhookOutput(webhook).data, "secret": secret},
            status=status.HTTP_201_CREATED,
            headers={**SECRET_HEADERS, "Location": f"/api/webhooks/{webhook.public_id}"},
        )


class WebhookView(APIView):
    permission_classes = [IsPerson]
    write_tiers = ("strict",)

    @extend_schema(
        operation_id="webhooks_read", summary="One webhook", tags=["webhooks"],
        responses=wire.WebhookOutput, examples=[wire.WEBHOOK],
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID) -> Response:
        webhook = selectors.find_webhook(caller(request), public_id)
        return Response(wire.WebhookOutput(webhook).data)

    @extend_schema(
        operation_id="webhooks_delete", summary="Delete a webhook", tags=["webhooks"],
        description="What has not been sent yet is not sent any more.",
        responses={204: OpenApiResponse(description="Deleted.")},
    )  # fmt: skip
    def delete(self, request: Request, public_id: UUID) -> Response:
        services.delete_webhook(webhook=selectors.find_webhook(caller(request), public_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookTestView(APIView):
    permission_classes = [IsPerson]
    write_tiers = ("strict",)

    @extend_schema(
        operation_id="webhooks_test", summary="Send a test event", tags=["webhooks"],
        description="A `webhook.test`, to this webhook alone; its delivery tells what came of it. "
        "409 `test_waiting` while one waits for its first try.",
        request=None, responses={202: wire.TestOutput}, examples=[wire.TEST],
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, public_id: UUID) -> Response:
        webhook = selectors.find_webhook(caller(request), public_id)
        event = services.send_test(webhook=webhook)
        return Response(wire.TestOutput(event).data, status=status.HTTP_202_ACCEPTED)


class DeliveriesView(APIView):
    permission_classes = [IsPerson]
    query = Query(state=Choice(Delivery.State.values))
    ordering = ("-created_at", "-pk")

    @extend_schema(
        operation_id="webhooks_deliveries", summary="What became of each event, newest first",
        tags=["webhooks"], responses=wire.DeliveryPage, examples=[wire.DELIVERY],
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID) -> Response:
        wanted = self.query.read(request)
        webhook = selectors.find_webhook(caller(request), public_id)
        deliveries = selectors.deliveries_of(webhook, state=wanted["state"])
        paginator = CursorPagination()
        page = paginator.paginate_queryset(deliveries, request, self)
        return paginator.get_paginated_response(wire.DeliveryOutput(page, many=True).data)


class ResendView(APIView):
    permission_classes = [IsPerson]

    @extend_schema(
        operation_id="webhooks_resend", summary="Send a finished delivery again",
        description="Delivered or dead, it begins anew, with the same `Webhook-Id`. 409 "
        "`delivery_waiting` when it is on its way.",
        tags=["webhooks"], request=None, responses={202: wire.DeliveryOutput},
        examples=[wire.DELIVERY],
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, public_id: UUID, delivery_id: UUID) -> Response:
        webhook = selectors.find_webhook(caller(request), public_id)
        delivery = services.resend(delivery=selectors.find_delivery(webhook, delivery_id))
        return Response(wire.DeliveryOutput(delivery).data, status=status.HTTP_202_ACCEPTED)
