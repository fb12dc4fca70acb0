"""What operators did: read by operators, written by the services."""

from django.contrib import admin

from accounts.operating import ReadOnlyAdmin
from quests.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "action", "subject", "reason"]
    list_filter = ["action", "at"]
    list_select_related = ["actor"]
    search_fields = ["subject", "reason", "actor__username", "=correlation_id"]
    ordering = ["-at", "-pk"]
    show_full_result_count = False
    fields = readonly_fields = [
        "at", "actor", "action", "subject", "reason", "detail", "correlation_id",
    ]  # fmt: skip
