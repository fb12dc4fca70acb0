"""`manage.py db_report`: what PostgreSQL knows of its own work."""

import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from monitoring.postgresql.report import Report, Section, make_report
from monitoring.postgresql.statements import first_line

WIDEST = 100


class Command(BaseCommand):
    help = (
        "Slowest statements, indexes that are missing or unused, bloat, cache, long transactions "
        "and locks, without anybody's values. It only reads. "
        "Example: manage.py db_report --json | jq .sections.unused"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="the whole report as JSON")
        parser.add_argument("--limit", type=int, default=10, metavar="N", help="rows of each part")
        parser.add_argument(
            "--long-seconds", type=int, default=60, metavar="S",
            help="from which age on a transaction is long (60)",
        )  # fmt: skip

    def handle(self, *_: Any, limit: int, long_seconds: int, **options: Any) -> None:
        if limit < 1 or long_seconds < 0:
            raise CommandError("--limit is 1 or more, --long-seconds 0 or more.")
        try:
            report = make_report(limit=limit, long_seconds=long_seconds)
        except DatabaseError as error:
            raise CommandError(f"PostgreSQL does not answer: {first_line(error)}") from None
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2))
        else:
            self.stdout.write("\n".join(_text(report)))


def _text(report: Report) -> Iterator[str]:
    yield f"{report.database} on {report.server}, counted since {report.counted_since}"
    for section in report.sections.values():
        yield f"\n{section.title}"
        if section.note:
            yield f"  {section.note}"
        yield from _table(section)


def _table(section: Section) -> Iterator[str]:
    if not section.rows:
        yield "  nothing"
        return
    names = list(section.rows[0])
    lines = [names, *([_cell(row[name]) for name in names] for row in section.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = str(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
