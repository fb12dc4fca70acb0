"""`manage.py reconcile`: prove the numbers, or say which do not agree."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis.exceptions import RedisError

from links.clicks.reconciliation import Report, reconcile
from links.clicks.repair import repair


class Command(BaseCommand):
    help = (
        "Check on the running system that no click is missing and none counted twice (E1, E2). "
        "Exit code 1 on a difference. Example: manage.py reconcile --json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="count roll-ups and counters anew from the stored clicks, and write off what "
            "was issued and lost as dropped",
        )

    def handle(self, **options: Any) -> None:
        try:
            report = reconcile()
            if options["repair"] and not report.is_clean:
                repair(report)
                report = reconcile()
        except RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from None
        self.stdout.write(_as_json(report) if options["json"] else _as_table(report))
        if not report.is_clean:
            raise CommandError(f"{len(report.differences)} differences.", returncode=1)


def _as_json(report: Report) -> str:
    differences = [difference._asdict() for difference in report.differences]
    figures = {name: value for name, value in vars(report).items() if name != "differences"}
    return json.dumps({"clean": report.is_clean, **figures, "differences": differences})


def _as_table(report: Report) -> str:
    lines = [
        f"E1  clicks issued   {report.issued:>14,}",
        f"    stored          {report.stored:>14,}",
        f"    waiting         {report.waiting:>14,}",
        f"    dropped         {report.dropped:>14,}",
        f"E2  links           {report.links:>14,}",
        f"    clicks          {report.clicks:>14,}",
    ]
    lines += [
        f"!!  {d.equation} {d.subject}: expected {d.expected:,}, found {d.found:,}"
        for d in report.differences
    ]
    return "\n".join([*lines, "All equal." if report.is_clean else "NOT EQUAL."])
