"""`manage.py import_quests`: quests from YAML; what would change is shown before it does."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.operators import add_by, find_operator
from quests.authoring.transfer import MAX_BYTES, Change, TransferError, import_quests


class Command(BaseCommand):
    help = (
        "Make and change quests as a YAML file says, all or nothing; quests that it does not name "
        "stay. Without --apply it only shows what would change. "
        "Example: manage.py import_quests quests.yaml --apply --by ada"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        add_by(parser)
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--apply", action="store_true", help="write it")
        how.add_argument("--dry-run", action="store_true", help="write nothing (the default)")

    def handle(self, *, file: Path, by: str | None, apply: bool, **_: Any) -> None:
        actor, text = find_operator(by), _read(file)
        try:
            changes = import_quests(text, actor=actor, dry_run=not apply)
        except TransferError as error:
            raise CommandError(f"Nothing was changed.\n{error}") from None
        for change in changes:
            self._show(change)
        touched = sum(change.action != "same" for change in changes)
        done = "written" if apply else "would be written; --apply writes them"
        self.stdout.write(f"{touched} of {len(changes)} quests {done}.")

    def _show(self, change: Change) -> None:
        self.stdout.write(f"{change.action:<8}{change.number}. {change.title}")
        for line in change.diff:
            self.stdout.write(f"    {line}")


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            # One byte more tells the import that there is too much, whatever the file is.
            return opened.read(MAX_BYTES + 1).decode()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is no UTF-8.") from None
