"""`manage.py backups`: what there is, how old, whether it can be read, when the next is due."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.backups.errors import BackupError
from monitoring.backups.listing import as_json, as_table


class Command(BaseCommand):
    help = "List the backups of BACKUP_DIR and BACKUP_S3_URL. Example: manage.py backups --json"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="the list as JSON")

    def handle(self, **options: Any) -> None:
        try:
            self.stdout.write(as_json() if options["json"] else as_table())
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from None
