"""`manage.py clickhouse`: how the copy of the clicks stands, and bringing what is missing."""

from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from links.warehouse import copying, table
from links.warehouse.client import WarehouseError

_PART_SECONDS = 60.0


class Command(BaseCommand):
    help = (
        "Compare the clicks of each day in PostgreSQL and ClickHouse (status), or copy what is "
        "missing (copy), which beat does by itself. Example: manage.py clickhouse status"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["status", "copy"])

    def handle(self, *, action: str, **_: Any) -> None:
        if not settings.CLICKHOUSE_URL:
            raise CommandError("There is no CLICKHOUSE_URL.")
        try:
            self._copy() if action == "copy" else self._status()
        except WarehouseError as error:
            raise CommandError(str(error)) from None

    def _status(self) -> None:
        table.create()
        found, unequal = table.counts(), 0
        for day, many in copying.stored(date.min).items():
            there = found.get(day, 0)
            unequal += there != many
            if there != many:
                self.stdout.write(f"!!  {day}  PostgreSQL {many:>14,}  ClickHouse {there:>14,}")
        if unequal:
            raise CommandError(f"{unequal} days differ.")
        self.stdout.write(f"{sum(found.values()):,} clicks of {len(found)} days: all equal.")

    def _copy(self) -> None:
        """In parts: a snapshot that lasts for hours would keep what vacuum removes."""
        clicks = 0
        while (copied := self._copy_part()).clicks:
            clicks += copied.clicks
        self.stdout.write(f"{clicks:,} clicks copied.")
        if copied.unequal:
            days = ", ".join(str(day) for day in copied.unequal[:5])
            raise CommandError(f"{len(copied.unequal)} days still differ: {days}")

    def _copy_part(self) -> copying.Copied:
        def tell(said: str) -> None:
            self.stderr.write(said, ending="\r")

        if (copied := copying.copy(date.min, seconds=_PART_SECONDS, tell=tell)) is None:
            raise CommandError("Another process is copying just now.")
        return copied
