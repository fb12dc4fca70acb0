"""What operators do, kept with the deed: the row is in the same transaction."""

from typing import Any

from accounts.models import User
from monitoring.trace import correlation_id
from quests.models import AuditEntry


def record(
    *, actor: User | None, action: str, subject: str, reason: str = "", **detail: Any
) -> None:
    """`detail` is JSON; no secrets, no proofs."""
    AuditEntry.objects.create(
        actor=actor,
        action=action,
        subject=subject,
        reason=reason,
        detail=detail,
        correlation_id=correlation_id(),
    )
