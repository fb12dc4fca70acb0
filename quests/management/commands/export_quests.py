"""`manage.py export_quests`: quests as YAML, answers and codes with them."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quests.authoring.transfer import export_quests
from quests.models import Quest


class Command(BaseCommand):
    help = (
        "Write quests as YAML that import_quests reads; it holds answers and codes. "
        "Example: manage.py export_quests 3 5 --output quests.yaml"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("numbers", nargs="*", type=int, metavar="NUMBER", help="default: all")
        parser.add_argument("--output", type=Path, metavar="FILE", help="default: the terminal")

    def handle(self, *, numbers: list[int], output: Path | None, **_: Any) -> None:
        known = Quest.objects.filter(number__in=numbers).values_list("number", flat=True)
        if missing := sorted(set(numbers) - set(known)):
            raise CommandError(f"There is no quest {', '.join(map(str, missing))}.")
        text = export_quests(numbers)
        if output is None:
            self.stdout.write(text, ending="")
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
        self.stderr.write(f"Written to {output}.")
