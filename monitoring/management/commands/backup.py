"""`manage.py backup`: the database in one file, with what is needed to trust it."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.backups.errors import BackupBusyError, BackupError
from monitoring.backups.listing import as_json, as_table
from monitoring.backups.making import back_up, verify_again
from monitoring.backups.progress import Progress, size

BUSY = 75  # EX_TEMPFAIL: again later


class Command(BaseCommand):
    help = (
        "Write a backup of the database into BACKUP_DIR (and BACKUP_S3_URL), with its manifest, "
        "and remove those that BACKUP_KEEP_* no longer keeps. docs/recovery.md says the rest. "
        "Example: manage.py backup --quiet && manage.py backups"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--list", action="store_true", help="what there is: manage.py backups")
        what.add_argument(
            "--verify", metavar="NAME", help="compare the checksum and read the table of contents"
        )
        parser.add_argument(
            "--identity", type=Path, metavar="FILE", help="age identity, to look into what it opens"
        )
        parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
        parser.add_argument("--json", action="store_true", help="with --list: as JSON")

    def handle(self, **options: Any) -> None:
        progress = Progress(None if options["quiet"] else sys.stderr)
        try:
            text = _answer(options, progress)
        except BackupBusyError as error:
            raise CommandError(str(error), returncode=BUSY) from None
        except BackupError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            said = error.strerror or str(error)
            raise CommandError(f"{said}: BACKUP_DIR is {settings.BACKUP_DIR}.") from None
        finally:
            progress.end()
        if not options["quiet"]:
            self.stdout.write(text)


def _answer(options: dict[str, Any], progress: Progress) -> str:
    if options["list"]:
        return as_json() if options["json"] else as_table()
    if name := options["verify"]:
        found = verify_again(name, options["identity"], progress)
        depth = "readable" if found.is_read else "undamaged (encrypted: --identity looks inside)"
        return f"{found.manifest.name} is {depth}: {size(found.manifest.size)}, SHA-256 compared."
    made = back_up(progress)
    if made.not_copied:
        raise BackupError(f"{made.manifest.name} is in BACKUP_DIR only: {made.not_copied}")
    told = made.manifest
    return (
        f"{told.name}: {size(told.size)}{', encrypted' if told.encrypted else ''}, "
        f"{told.rows:,} rows of {len(told.tables)} tables, verified, in {progress.seconds:.1f} s"
        f"{f'; {made.removed} older ones removed' if made.removed else ''}."
    )
