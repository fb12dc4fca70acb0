"""Achievements: rules that operators write. Who deserves one is found out by the services alone."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import action

from accounts.operating import operator
from quests import achievements, audit
from quests.models import Achievement


@admin.register(Achievement)
class AchievementAdmin(ModelAdmin):
    list_display = ["name", "slug", "metric", "threshold", "category"]
    list_filter = ["metric"]
    search_fields = ["name", "slug", "description"]
    prepopulated_fields = {"slug": ["name"]}
    fields = ["name", "slug", "description", "metric", "threshold", "category", "quests"]
    actions = ["recompute"]

    def save_model(self, request: HttpRequest, obj: Achievement, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        deed = "achievement.changed" if change else "achievement.created"
        self._audit(request, deed, obj, fields=sorted(form.changed_data))
        said = "Players who deserve it by what they did before have it within the hour."
        self.message_user(request, said, messages.INFO)

    def delete_model(self, request: HttpRequest, obj: Achievement) -> None:
        self._audit(request, "achievement.deleted", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Achievement]) -> None:
        for achievement in queryset:
            self.delete_model(request, achievement)

    @action(description="Give them now to all who deserve them", permissions=["change"])
    def recompute(self, request: HttpRequest, queryset: QuerySet[Achievement]) -> None:
        del queryset  # a badge depends on others' players only, so all are looked at
        given, taken = achievements.recompute()
        self.message_user(request, f"{given} given, {taken} taken away.", messages.SUCCESS)

    def _audit(self, request: HttpRequest, deed: str, obj: Achievement, **detail: Any) -> None:
        audit.record(
            actor=operator(request), action=deed, subject=f"achievement {obj.slug}", **detail
        )
