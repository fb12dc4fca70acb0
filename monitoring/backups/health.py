"""Whether backups are as young as they are meant to be."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from monitoring.backups import records
from monitoring.health.report import Check, Status
from monitoring.health.runner import check

# One that is late may be on its way; two that are missing are not.
MOST_INTERVALS = 2


@check(
    every=30.0,
    hint=f"The newest backup is older than {MOST_INTERVALS} times BACKUP_INTERVAL_HOURS, or the "
    "bucket has no copy of it: `manage.py backup` says what is wrong, the worker's log has "
    "`backup_not_copied` and errors of `back_up`.",
)
def check_backups() -> Check:
    if not settings.BACKUP_INTERVAL_HOURS:
        return Check(Status.HEALTHY, details={"enabled": False})
    newest, drill = records.newest(), records.last_drill()
    details: dict[str, Any] = {
        "enabled": True,
        "age": age_of(newest.at) if newest else None,
        "verified": newest.is_verified if newest else None,
        "copied": newest.is_copied if newest else None,
        "drillAge": age_of(drill.at) if drill else None,
    }
    oldest = MOST_INTERVALS * settings.BACKUP_INTERVAL_HOURS * 3600
    is_well = newest and age_of(newest.at) <= oldest and newest.is_copied is not False
    return Check(Status.HEALTHY if is_well else Status.DEGRADED, details=details)


def age_of(moment: datetime) -> float:
    return round(max(0.0, (timezone.now() - moment).total_seconds()), 1)
