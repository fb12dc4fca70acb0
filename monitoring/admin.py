"""What an operator may look at, and the switch for maintenance."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from monitoring.maintenance import services
from monitoring.models import IdempotencyKey, Maintenance


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


@admin.register(Maintenance)
class MaintenanceAdmin(ModelAdmin):
    list_display = ("__str__", "message", "by", "since")
    fields = ("is_on", "message", "by", "since")
    readonly_fields = ("by", "since")

    def save_model(self, request: HttpRequest, obj: Maintenance, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        del form, change
        by = request.user.get_username()
        if not services.switch(on=obj.is_on, message=obj.message, by=by):
            lack = "The database is not locked against writes by other ways: this takes its owner."
            messages.warning(request, lack)

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Maintenance | None = None) -> bool:
        del request, obj
        return False
