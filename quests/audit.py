"""What operators did: written in the transaction of the deed, so that there is never one without
the other."""

from typing import Any

from accounts.models import User
from monitoring.trace import correlation_id
from quests.models import AuditEntry


def record(
    *, actor: User | None, action: str, subject: str, reason: str = "", **detail: Any
) -> AuditEntry:
    """`action` like "webhook.deleted", `subject` like "webhook 5b1c6f0e-..."; nobody's deed, the
    machine's own, has no actor. `detail` is kept as JSON: nothing secret."""
    return AuditEntry.objects.create(
        actor=actor,
        action=action,
        subject=subject,
        reason=reason,
        detail=detail,
        correlation_id=correlation_id(),
    )
