"""What there is, as people and programs read it."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from monitoring.backups.bucket import Bucket
from monitoring.backups.errors import BackupError
from monitoring.backups.making import of_database
from monitoring.backups.manifest import Manifest
from monitoring.backups.progress import size
from monitoring.backups.store import Directory


def as_json() -> str:
    entries, due = _entries(), next_due()
    return json.dumps({"backups": entries, "nextDue": due.isoformat() if due else None}, indent=1)


def as_table() -> str:
    lines = [("NAME", "AGE", "SIZE", "ROWS", "VERIFIED", "DRILLED", "WHERE")]
    for one in _entries():
        verified, drilled = one["verifiedAt"] or "no", one["drilledAt"] or "no"
        lines.append(
            (
                *(one["name"], age(one["ageSeconds"]), size(one["size"]), f"{one['rows']:,}"),
                *(verified[:16], drilled[:16]),
                ", ".join(one["where"]) + (", encrypted" if one["encrypted"] else ""),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(7)]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([*text, "", _due()] if len(lines) > 1 else ["There is no backup yet.", _due()])


def next_due() -> datetime | None:
    """None when none are made by themselves; a time that has passed when one is due now."""
    if not settings.BACKUP_INTERVAL_HOURS:
        return None
    every = of_database(Directory.ours().manifests())
    with suppress(BackupError):  # who makes the next one says that the bucket is away
        if bucket := Bucket.ours():
            every += of_database(bucket.manifests())
    newest = max((one.created_at for one in every), default=None)
    if newest is None:
        return datetime.now(UTC)
    return newest + timedelta(hours=settings.BACKUP_INTERVAL_HOURS)


def is_due() -> bool:
    due = next_due()
    return due is not None and due <= datetime.now(due.tzinfo)


def age(seconds: float) -> str:
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _due() -> str:
    if not settings.BACKUP_INTERVAL_HOURS:
        return "None are made by themselves (BACKUP_INTERVAL_HOURS is 0)."
    due = next_due()
    when = "now" if is_due() or due is None else f"{due:%Y-%m-%d %H:%M} UTC"
    return f"The next one is due {when}: one every {settings.BACKUP_INTERVAL_HOURS} h."


def _entries() -> list[dict[str, Any]]:
    """Each once, newest first, with the places that have it."""
    here = {one.name: one for one in Directory.ours().manifests()}
    bucket = Bucket.ours()
    there = {one.name: one for one in bucket.manifests()} if bucket else {}
    merged = sorted((there | here).values(), key=lambda one: one.created_at, reverse=True)
    places = (("directory", here), ("bucket", there))
    return [_entry(one, [place for place, of in places if one.name in of]) for one in merged]


def _entry(one: Manifest, where: list[str]) -> dict[str, Any]:
    return {
        "name": one.name,
        "createdAt": one.created_at.isoformat(),
        "ageSeconds": round(one.age),
        "size": one.size,
        "rows": one.rows,
        "sha256": one.sha256,
        "encrypted": one.encrypted,
        "seconds": one.seconds,
        "version": one.version,
        "verifiedAt": _moment(one.verified_at),
        "drilledAt": _moment(one.drilled_at),
        "where": where,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
