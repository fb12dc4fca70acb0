"""What was said, for moderation. What two people say to each other is none of an operator's."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from accounts.operating import ReadOnlyAdmin, operator, try_each
from realtime.messages.editing import delete_message
from realtime.models import Message, Room

_SHOWN = 120


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "room", "seq", "sender", "said"]
    list_display_links = ["created_at"]
    list_filter = ["created_at"]
    list_select_related = ["room", "sender"]
    search_fields = ["=room__slug", "=sender__username", "body"]
    ordering = ["-pk"]
    show_full_result_count = False
    fields = [
        "room", "seq", "sender", "body", "created_at", "edited_at", "deleted_at", "public_id",
    ]  # fmt: skip
    readonly_fields = fields
    actions = ["take_back"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        found: QuerySet[Message] = super().get_queryset(request)
        return found.exclude(room__kind=Room.Kind.DIRECT)

    @display(description="said")
    def said(self, message: Message) -> str:
        if message.deleted_at:
            return "(taken back)"
        return message.body if len(message.body) <= _SHOWN else f"{message.body[:_SHOWN]}…"

    def has_moderate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return bool(request.user.has_perm("realtime.change_message"))

    @admin.action(description="Take back", permissions=["moderate"])
    def take_back(self, request: HttpRequest, chosen: QuerySet[Message]) -> None:
        actor = operator(request)
        try_each(
            request, chosen, lambda message: delete_message(message=message, actor=actor),
            "taken back",
        )  # fmt: skip
