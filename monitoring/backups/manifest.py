"""What is known of a backup without reading it."""

import re
from datetime import UTC, datetime
from typing import Self

import msgspec

from monitoring.backups.errors import BackupError

SUFFIX = ".json"
# It becomes a file's name, and part of an address.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Manifest(msgspec.Struct, kw_only=True, omit_defaults=False):
    """`tables` are the rows of each table in the very snapshot that was dumped, `figures` what the
    apps want to be compared besides: see BACKUP_FIGURES in the settings. `verified_at` is when the
    file was last read back; `drilled_at`, when it was last restored."""

    name: str
    created_at: datetime
    version: str
    server: str
    database: str
    size: int
    sha256: str
    seconds: float
    encrypted: bool
    migrations: list[str]
    tables: dict[str, int]
    figures: dict[str, str]
    verified_at: datetime | None = None
    drilled_at: datetime | None = None
    format: int = 1

    @property
    def archive(self) -> str:
        return self.name + (".dump.age" if self.encrypted else ".dump")

    @property
    def rows(self) -> int:
        return sum(self.tables.values())

    @property
    def age(self) -> float:
        return max(0.0, (datetime.now(UTC) - self.created_at).total_seconds())

    def encoded(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    @classmethod
    def decoded(cls, data: bytes) -> Self:
        try:
            found = msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise BackupError(f"A manifest cannot be read: {error}") from None
        checked_name(found.name)
        return found


def new_name(now: datetime) -> str:
    """They sort by time."""
    return f"rallypoint-{now:%Y%m%dT%H%M%SZ}"


def checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BackupError(f"{name[:100]!r} is no name of a backup.")
    return name
