"""Whether what is needed on the worst day is there."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from monitoring.backups.bucket import Bucket
from monitoring.backups.errors import BackupError
from monitoring.backups.programs import find_program
from monitoring.backups.server import Server
from monitoring.doctor.finding import Finding, Level, judge


def schedule() -> Iterator[Finding]:
    hours = settings.BACKUP_INTERVAL_HOURS
    yield judge(
        "backup schedule",
        f"One every {hours} h." if hours else "None is made by itself.",
        wrong=not hours,
        fix="Set BACKUP_INTERVAL_HOURS, or call `manage.py backup` from a timer of your own.",
    )


def programs() -> Iterator[Finding]:
    try:
        major = Server.ours().major
        for name in ("pg_dump", "pg_restore"):
            yield Finding(Level.OK, name, f"{find_program(name, at_least=major)}")
    except BackupError as error:
        yield Finding(
            Level.ERROR, "backup programs", str(error), "See BACKUP_DATABASE_URL and PATH."
        )


def places() -> Iterator[Finding]:
    directory = Path(settings.BACKUP_DIR)
    yield judge(
        "BACKUP_DIR",
        f"{directory}",
        wrong=not _takes_files(directory),
        fix="Let the account of the worker write there.",
        level=Level.ERROR,
    )
    if not settings.BACKUP_S3_URL:
        yield Finding(
            Level.WARNING, "BACKUP_S3_URL", "Backups lie on this machine alone.",
            "Name a bucket, or carry BACKUP_DIR away: a disk takes both along.",
        )  # fmt: skip
        return
    yield from _bucket()


def _takes_files(directory: Path) -> bool:
    """Tried, and not asked: to root everything seems writable."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            return True
    except OSError:
        return False


def _bucket() -> Iterator[Finding]:
    try:
        if bucket := Bucket.ours():
            bucket.reach()
    except BackupError as error:
        fix = "Look at the address, BACKUP_S3_ENDPOINT and the AWS_ variables."
        yield Finding(Level.ERROR, "BACKUP_S3_URL", str(error), fix)
        return
    yield judge(
        "BACKUP_S3_URL",
        "The bucket answers.",
        wrong=not settings.BACKUP_AGE_RECIPIENTS,
        fix="Set BACKUP_AGE_RECIPIENTS: who reads the bucket reads everybody's data.",
    )
