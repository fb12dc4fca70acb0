"""Who is in which room, and what moderation does to them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from accounts.operating import ReadOnlyAdmin, operator, try_each
from realtime import members
from realtime.models import Member

MUTED_FOR = timedelta(hours=1)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's hook
        return [("muted", "Muted"), ("banned", "Banned")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:  # noqa: ARG002 - same
        match self.value():
            case "muted":
                return queryset.filter(muted_until__gt=timezone.now())
            case "banned":
                return queryset.exclude(banned_at=None)
            case _:
                return queryset


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    list_display = ["user", "room", "role", "state", "joined_at"]
    list_filter = ["role", StateFilter, "joined_at"]
    list_select_related = ["user", "room"]
    search_fields = ["user__username", "=room__slug"]
    ordering = ["-joined_at", "-pk"]
    show_full_result_count = False
    fields = ["room", "user", "role", "joined_at", "muted_until", "banned_at", "read_seq"]
    readonly_fields = fields
    actions = ["mute", "unmute", "kick", "ban", "unban"]

    @display(description="state", label={"banned": "danger", "muted": "warning"})
    def state(self, member: Member) -> tuple[str, str] | str:
        if member.banned_at:
            return "banned", "banned"
        if member.muted_until and member.muted_until > timezone.now():
            return "muted", f"muted until {member.muted_until:%F %H:%M} UTC"
        return ""

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("realtime.change_member"))

    @admin.action(description="Mute for an hour", permissions=["moderate"])
    def mute(self, request: HttpRequest, chosen: QuerySet[Member]) -> None:
        until = timezone.now() + MUTED_FOR
        self._moderate(request, chosen, members.mute, "muted", until=until)

    @admin.action(description="Let speak again", permissions=["moderate"])
    def unmute(self, request: HttpRequest, chosen: QuerySet[Member]) -> None:
        self._moderate(request, chosen, members.mute, "may speak again", until=None)

    @admin.action(description="Kick", permissions=["moderate"])
    def kick(self, request: HttpRequest, chosen: QuerySet[Member]) -> None:
        self._moderate(request, chosen, members.kick, "kicked")

    @admin.action(description="Ban", permissions=["moderate"])
    def ban(self, request: HttpRequest, chosen: QuerySet[Member]) -> None:
        self._moderate(request, chosen, members.ban, "banned")

    @admin.action(description="Lift the ban", permissions=["moderate"])
    def unban(self, request: HttpRequest, chosen: QuerySet[Member]) -> None:
        self._moderate(request, chosen, members.unban, "may come back")

    def _moderate(
        self,
        request: HttpRequest,
        chosen: QuerySet[Member],
        service: Callable[..., object],
        done: str,
        **more: Any,
    ) -> None:
        actor = operator(request)

        def deed(member: Member) -> None:
            service(room=member.room, actor=actor, user=member.user, **more)

        try_each(request, chosen, deed, done)
