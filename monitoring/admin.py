"""What an operator may look at, and the switch for maintenance."""

import time
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from redis.exceptions import RedisError
from unfold.admin import ModelAdmin

from monitoring.limits.refusals import limited_now
from monitoring.maintenance import services
from monitoring.models import IdempotencyKey, LimitedCaller, Maintenance
from monitoring.periodic_tasks import PeriodicTaskAdmin  # noqa: F401 - registers itself
from monitoring.redis import durable

SHOWN = 100


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


@admin.register(LimitedCaller)
class LimitedCallerAdmin(ModelAdmin):
    """A table of what Redis says, in place of Django's list."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": "Limited now",
            "callers": {
                "headers": ["Caller", "Tier", "Refusals", "Ends in"],
                "rows": self._rows(request),
            },
        }
        return TemplateResponse(request, "admin/monitoring/limited.html", context)

    def _rows(self, request: HttpRequest) -> list[list[str]]:
        try:
            found = limited_now(durable())[:SHOWN]
        except RedisError:
            messages.warning(request, "Redis does not answer: nobody can say who is limited.")
            return []
        now = time.time()
        return [
            [one.caller, one.tier, f"{one.times:,}", f"{max(1, one.until - int(now)):,} s"]
            for one in found
        ]


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
