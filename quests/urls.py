"""Addresses of quests."""

from django.urls import path

from quests.api import webhooks

app_name = "quests"
urlpatterns = [
    path("api/webhooks", webhooks.WebhooksView.as_view(), name="api-webhooks"),
    path("api/webhooks/<uuid:public_id>", webhooks.WebhookView.as_view(), name="api-webhook"),
    path(
        "api/webhooks/<uuid:public_id>/test",
        webhooks.WebhookTestView.as_view(),
        name="api-webhook-test",
    ),
    path(
        "api/webhooks/<uuid:public_id>/deliveries",
        webhooks.DeliveriesView.as_view(),
        name="api-deliveries",
    ),
    path(
        "api/webhooks/<uuid:public_id>/deliveries/<uuid:delivery_id>/resend",
        webhooks.ResendView.as_view(),
        name="api-resend",
    ),
]
