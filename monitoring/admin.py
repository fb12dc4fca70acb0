"""What an operator may look at: nothing here is anybody's to edit."""

import time
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from redis.exceptions import RedisError
from unfold.admin import ModelAdmin

from monitoring.limits.refusals import limited_now
from monitoring.models import IdempotencyKey, LimitedCaller
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
