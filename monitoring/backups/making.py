"""Making a backup, and looking whether one can be read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog
from django.conf import settings

from monitoring.backups import records
from monitoring.backups.archive import Digest, digest_of, dump, entries, identities
from monitoring.backups.bucket import Bucket
from monitoring.backups.errors import BackupError
from monitoring.backups.manifest import Manifest, new_name
from monitoring.backups.progress import Progress
from monitoring.backups.retention import Keep, expired
from monitoring.backups.server import Server
from monitoring.backups.snapshot import Contents, contents, exported
from monitoring.backups.sources import found
from monitoring.backups.store import UNFINISHED, Directory, Store

log = structlog.get_logger("rallypoint.backups")

_LOCK = 0x6261_636B_7570_7321  # "backups!"


class Made(NamedTuple):
    """`not_copied` is why the bucket has no copy; empty when it has, or when there is none."""

    manifest: Manifest
    not_copied: str = ""
    removed: int = 0


def back_up(progress: Progress) -> Made:
    """BackupBusyError while another process makes one."""
    directory, server = Directory.ours(), Server.ours()
    directory.prepare()
    with server.held(_LOCK, "making a backup") as connection:
        directory.clear()
        with exported(connection) as snapshot:
            facts = contents(connection)
            manifest = _written(server, snapshot, directory, facts, progress)
        manifest = verify(manifest, directory.archive(manifest), server.major, progress)
        directory.put(manifest)
        not_copied = _copy(manifest, directory)
        records.note_newest(manifest, is_copied=_is_copied(not_copied))
        removed = _forget(directory)
    log.info("backup_made", name=manifest.name, bytes=manifest.size, seconds=manifest.seconds)
    return Made(manifest, not_copied, removed)


def _written(
    server: Server, snapshot: str, directory: Directory, facts: Contents, progress: Progress
) -> Manifest:
    recipients = settings.BACKUP_AGE_RECIPIENTS
    name = _free_name(directory, datetime.now(UTC))
    half = directory.path / f"{name}{UNFINISHED}"
    try:
        written = dump(server, snapshot, half, recipients, progress)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    manifest = _manifest(name, server, facts, written, progress)
    half.replace(directory.archive(manifest))
    directory.sync()
    return manifest


def _free_name(directory: Directory, now: datetime) -> str:
    """A second has room for one: a later one waits for nothing, and is named by its number."""
    name, number = new_name(now), 1
    while directory.get(name) is not None:
        number += 1
        name = f"{new_name(now)}-{number}"
    return name


def _manifest(
    name: str, server: Server, facts: Contents, written: Digest, progress: Progress
) -> Manifest:
    return Manifest(
        name=name,
        created_at=datetime.now(UTC) - timedelta(seconds=progress.seconds),
        version=settings.VERSION,
        server=str(server.major),
        database=server.database,
        size=written.size,
        sha256=written.sha256,
        seconds=round(progress.seconds, 2),
        encrypted=bool(settings.BACKUP_AGE_RECIPIENTS),
        migrations=facts.migrations,
        tables=facts.tables,
        figures=facts.figures,
    )


def verify(manifest: Manifest, archive: Path, major: int, progress: Progress) -> Manifest:
    """Read it back from the disk. What is encrypted can be compared, and read only by whoever has
    the identity: a drill does that."""
    check_sum(manifest, archive, progress)
    if not manifest.encrypted and not entries(archive, [], at_least=major):
        raise BackupError(f"There is nothing in {archive.name}.")
    manifest.verified_at = datetime.now(UTC)
    return manifest


def check_sum(manifest: Manifest, archive: Path, progress: Progress) -> None:
    try:
        many = archive.stat().st_size
        found = digest_of(archive, progress) if many == manifest.size else ""
    except OSError as error:
        raise BackupError(f"{archive.name} cannot be read: {error.strerror}.") from None
    if many != manifest.size:
        raise BackupError(
            f"{archive.name} is damaged: it has {many:,} bytes, and its manifest says "
            f"{manifest.size:,}."
        )
    if found != manifest.sha256:
        raise BackupError(
            f"{archive.name} is damaged: its SHA-256 is {found[:16]}…, and its manifest says "
            f"{manifest.sha256[:16]}…."
        )


def _copy(manifest: Manifest, directory: Directory) -> str:
    """A bucket that is away costs the copy, not the backup."""
    try:
        if bucket := Bucket.ours():
            bucket.put(manifest, directory.archive(manifest))
    except BackupError as error:
        log.error("backup_not_copied", name=manifest.name, error=str(error))  # noqa: TRY400 - the sentence says it
        return str(error)
    return ""


def copy_if_missing(manifest: Manifest) -> bool | None:
    """Whether the bucket has it now; None where there is no bucket. BackupBusyError while another
    process makes a backup."""
    directory, server = Directory.ours(), Server.ours()
    with server.held(_LOCK, "making a backup"):
        try:
            bucket = Bucket.ours()
            if bucket and bucket.get(manifest.name):
                return True
        except BackupError as error:
            log.warning("backup_not_copied", name=manifest.name, error=str(error))
            return False
        return _is_copied(_copy(manifest, directory))


def of_database(manifests: list[Manifest]) -> list[Manifest]:
    """Those of ours: several instances may share a place."""
    database = Server.ours().database
    return [one for one in manifests if one.database == database]


def _is_copied(not_copied: str) -> bool | None:
    return not not_copied if settings.BACKUP_S3_URL else None


def _forget(directory: Directory) -> int:
    """In both places, each by what it has itself."""
    removed = 0
    try:
        bucket = Bucket.ours()
        stores: list[Store] = [directory, *([bucket] if bucket else [])]
        for store in stores:
            for manifest in expired(of_database(store.manifests()), keep()):
                store.delete(manifest)
                removed += 1
    except (BackupError, OSError) as error:
        log.error("backup_not_removed", error=str(error))  # noqa: TRY400 - the sentence says it
    return removed


def keep() -> Keep:
    return Keep(
        settings.BACKUP_KEEP_DAILY, settings.BACKUP_KEEP_WEEKLY, settings.BACKUP_KEEP_MONTHLY
    )


class Verified(NamedTuple):
    """`is_read` is whether its contents could be listed, and not only its checksum compared."""

    manifest: Manifest
    is_read: bool


def verify_again(name: str, identity: Path | None, progress: Progress) -> Verified:
    with found(name, progress) as source:
        check_sum(source.manifest, source.archive, progress)
        keys = identities(identity) if source.manifest.encrypted else []
        is_read = bool(keys) or not source.manifest.encrypted
        if is_read:
            entries(source.archive, keys, at_least=int(source.manifest.server))
    _note(source.manifest.name, verified_at=datetime.now(UTC))
    return Verified(source.manifest, is_read)


def note_drilled(name: str) -> None:
    now = datetime.now(UTC)
    _note(name, verified_at=now, drilled_at=now)


def _note(name: str, **moments: datetime) -> None:
    """In the manifests of whoever has it; one that was given by its path is somebody else's."""
    directory, bucket = Directory.ours(), Bucket.ours()
    if here := directory.get(name):
        directory.put(msgspec.structs.replace(here, **moments))
    if bucket and (there := bucket.get(name)):
        bucket.put_manifest(msgspec.structs.replace(there, **moments))
