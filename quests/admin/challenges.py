"""Words that people in rooms were asked for: looked at, never changed."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from accounts.operating import ReadOnlyAdmin
from quests.models import Challenge

_TONES = {"answered": "success", "open": "info", "unanswered": "warning"}


class AnsweredFilter(admin.SimpleListFilter):
    title = "answer"
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        del request, model_admin
        return [(name, name) for name in _TONES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Challenge]) -> QuerySet[Challenge]:
        del request
        now = timezone.now()
        conditions = {
            "answered": Q(answered_at__isnull=False),
            "open": Q(answered_at=None, expires_at__gt=now),
            "unanswered": Q(answered_at=None, expires_at__lte=now),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


@admin.register(Challenge)
class ChallengeAdmin(ReadOnlyAdmin):
    """Without the word: it is for the eyes of the one who was asked."""

    list_display = ["asked_at", "player", "quest", "step", "answer", "answered_at", "expires_at"]
    list_filter = [AnsweredFilter, "asked_at"]
    list_select_related = ["attempt__player", "attempt__quest"]
    search_fields = ["attempt__player__username", "=attempt__quest__number", "=step"]
    ordering = ["-pk"]
    show_full_result_count = False
    fields = readonly_fields = [
        "player", "quest", "step", "asked_at", "expires_at", "answer", "answered_at",
    ]  # fmt: skip

    @display(ordering="attempt__player__username")
    def player(self, challenge: Challenge) -> str:
        return str(challenge.attempt.player)

    @display(ordering="attempt__quest__number")
    def quest(self, challenge: Challenge) -> str:
        return str(challenge.attempt.quest)

    @display(label=_TONES)
    def answer(self, challenge: Challenge) -> str:
        if challenge.answered_at:
            return "answered"
        return "open" if challenge.expires_at > timezone.now() else "unanswered"
