"""Rooms: looked at, renamed, closed. They are made where people are: over the API and on pages."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from accounts.operating import LIST_PER_PAGE, operator, try_each
from monitoring.wire.problems import Problem
from realtime import rooms
from realtime.admin.live import disconnect_view, live_view
from realtime.models import Room
from realtime.presence import selectors

KINDS = {"public": "success", "private": "info", "direct": "default"}


class OpenFilter(admin.SimpleListFilter):
    title = "open"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's hook
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Room]) -> QuerySet[Room]:  # noqa: ARG002 - same
        if self.value() is None:
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "yes")


@admin.register(Room)
class RoomAdmin(ModelAdmin):
    list_display = ["slug", "shown_kind", "name", "present", "last_seq", "created_at", "closed_at"]
    list_filter = ["kind", OpenFilter, "created_at"]
    search_fields = ["slug", "name", "=public_id"]
    ordering = ["-created_at", "-pk"]
    list_per_page = LIST_PER_PAGE
    fields = [
        "slug", "kind", "name", "topic", "present", "last_seq", "first_seq", "created_by",
        "created_at", "closed_at", "public_id",
    ]  # fmt: skip
    readonly_fields = [name for name in fields if name not in {"kind", "name", "topic"}]
    actions = ["close"]
    actions_list = ["to_live"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        live = path("live/", view(self.live), name="realtime_room_live")
        end = path("live/disconnect/", view(self.disconnect), name="realtime_room_disconnect")
        return [live, end, *super().get_urls()]

    @action(description="Live connections", url_path="to-live", permissions=["view"])
    def to_live(self, request: HttpRequest) -> Any:
        del request
        return redirect("admin:realtime_room_live")

    def live(self, request: HttpRequest) -> Any:
        return live_view(request, self)

    def disconnect(self, request: HttpRequest) -> Any:
        return disconnect_view(request, self)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's hook
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - same
        """What was said stays; a room is closed."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        if obj and (obj.closed_at or obj.kind == Room.Kind.DIRECT):
            return False
        return bool(super().has_change_permission(request, obj))

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Nobody makes a direct room of another."""
        kwargs["choices"] = [pair for pair in Room.Kind.choices if pair[0] != Room.Kind.DIRECT]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    @display(description="kind", ordering="kind", label=KINDS)
    def shown_kind(self, room: Room) -> tuple[str, str]:
        return room.kind, room.kind

    @display(description="present")
    def present(self, room: Room) -> str:
        try:
            return f"{selectors.people_in(room.pk, limit=1).present:,}"
        except Problem:
            return "unknown"

    def save_model(self, request: HttpRequest, obj: Room, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001 - Django's hook
        fields = {name: form.cleaned_data[name] for name in form.changed_data}
        rooms.update_room(room=obj, actor=operator(request), expected_version=None, **fields)

    @admin.action(description="Close for good", permissions=["change"])
    def close(self, request: HttpRequest, chosen: QuerySet[Room]) -> None:
        actor = operator(request)
        try_each(request, chosen, lambda room: rooms.close_room(room=room, actor=actor), "closed")
