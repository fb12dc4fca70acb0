"""What is known of a backup without reading it."""

import re
from datetime import UTC, datetime
from typing import Annotated, Self

import msgspec

from monitoring.backups.errors import BackupError

SUFFIX = ".json"
_FORMAT = 1
# It becomes a file's name, and part of an address.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Manifest(msgspec.Struct, kw_only=True, omit_defaults=False):
    """`tables` are the rows of each table in the very snapshot that was dumped, `figures` what the
    apps want to be compared besides: see BACKUP_FIGURES in the settings. `verified_at` is when the
    file was last read back; `drilled_at`, when it was last restored."""

    name: str
    created_at: datetime
    version: str
    server: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,3}$")]
    database: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: str
    seconds: float
    encrypted: bool
    migrations: list[str]
    tables: dict[str, int]
    figures: dict[str, str]
    verified_at: datetime | None = None
    drilled_at: datetime | None = None
    format: int = _FORMAT

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
    def decoded(cls, data: bytes, name: str) -> Self:
        """What lies under this name. A manifest that was copied to another one leads to an archive
        that nobody asked for."""
        try:
            found = msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise BackupError(f"{name}{SUFFIX} cannot be read: {error}") from None
        if found.format != _FORMAT:
            raise BackupError(f"{name}{SUFFIX} has format {found.format}, of another program.")
        if found.name != checked_name(name):
            raise BackupError(
                f"{name}{SUFFIX} is the manifest of {found.name!r}: both files keep their names."
            )
        return found


def new_name(now: datetime) -> str:
    """They sort by time."""
    return f"rallypoint-{now:%Y%m%dT%H%M%SZ}"


def checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BackupError(f"{name[:100]!r} is no name of a backup.")
    return name
