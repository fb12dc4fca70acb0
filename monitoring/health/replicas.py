"""The check of PostgreSQL's replicas. It only degrades: the primary answers in their place."""

from typing import Any

from django.conf import settings

from monitoring.health.report import Check, Status
from monitoring.health.runner import check
from monitoring.postgresql.replicas import Look, replicas

_WHY = (
    "A replica is not read: it does not answer (`away`), is none any more (`promoted`), or is "
    "behind by more than DATABASE_REPLICA_MAX_LAG (`lag`). The primary carries its reads meanwhile."
)


# A replica that cannot be reached is given up after the connection's time-out of two seconds.
@check(limit=3.0, hint=_WHY, unseen=_WHY)
def check_replicas() -> Check:
    looks = replicas().looks()
    troubled = any(look.trouble for look in looks.values())
    details: dict[str, Any] = {alias: _shown(look) for alias, look in looks.items()}
    details["maxLagSeconds"] = settings.DATABASE_REPLICA_MAX_LAG
    return Check(Status.DEGRADED if troubled else Status.HEALTHY, details=details)


def _shown(look: Look) -> dict[str, Any]:
    lag = None if look.lag is None else round(look.lag, 3)
    return {"lagSeconds": lag, "trouble": look.trouble or None}
