"""What the last backup and the last drill came to, kept where every web process can see it."""

from datetime import datetime
from typing import Any

import msgspec
import structlog
from django.utils import timezone
from redis.exceptions import RedisError

from monitoring.backups.manifest import Manifest
from monitoring.redis import durable

log = structlog.get_logger("rallypoint.backups")

_KEY = "rallypoint:backups"


class Newest(msgspec.Struct):
    """`is_copied` is None where there is no bucket."""

    name: str
    at: datetime
    size: int
    is_verified: bool
    is_copied: bool | None = None


class Drill(msgspec.Struct):
    name: str
    at: datetime
    seconds: float
    differences: int


def note_newest(manifest: Manifest, *, is_copied: bool | None) -> None:
    is_verified = manifest.verified_at is not None
    _note(
        "newest",
        Newest(manifest.name, manifest.created_at, manifest.size, is_verified, is_copied),
    )


def note_drill(name: str, *, seconds: float, differences: int) -> None:
    _note("drill", Drill(name, timezone.now(), seconds, differences))


def newest() -> Newest | None:
    """RedisError when nobody can say."""
    found: Newest | None = _noted("newest", Newest)
    return found


def last_drill() -> Drill | None:
    found: Drill | None = _noted("drill", Drill)
    return found


def _note(field: str, record: msgspec.Struct) -> None:
    """The backup is there whether it can be noted or not."""
    try:
        durable().hset(_KEY, field, msgspec.json.encode(record))
    except (RedisError, OSError) as error:
        log.warning("backup_not_noted", error=type(error).__name__)


def _noted(field: str, kind: type[Any]) -> Any:
    raw: Any = durable().hget(_KEY, field)
    return msgspec.json.decode(raw, type=kind) if raw else None
