"""What an operator may look at: the keys are nobody's to edit."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from monitoring.models import IdempotencyKey


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ModelAdmin):
    list_display = ("__str__", "created_at", "expires_at")
    fields = readonly_fields = ("scope", "status", "created_at", "expires_at")
    ordering = ("-created_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: IdempotencyKey | None = None
    ) -> bool:
        del request, obj
        return False
