"""`manage.py doctor`: what is wrong with this installation, and what to do."""

import json
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand

from monitoring.doctor.examination import examine
from monitoring.doctor.finding import Finding, Level

_TITLES = {Level.ERROR: "ERRORS", Level.WARNING: "WARNINGS", Level.OK: "WELL"}
_WIDTH = 100


class Command(BaseCommand):
    help = (
        "Look at settings, PostgreSQL, Redis, processes, names, TLS and backups, and say what to "
        "do about what is wrong. Exit code 1 on errors; with --strict, 2 on warnings. "
        "Example: manage.py doctor --json | jq '.findings[] | select(.level != \"ok\")'"
    )
    requires_system_checks: list[str] = []  # they are part of what it says

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the findings as JSON")
        parser.add_argument("--strict", action="store_true", help="warnings count, too")

    def handle(self, **options: Any) -> None:
        found = examine()
        self.stdout.write(_as_json(found) if options["json"] else "\n".join(_table(found)))
        if code := _exit_code({one.level for one in found}, strict=options["strict"]):
            raise SystemExit(code)


def _exit_code(levels: set[Level], *, strict: bool) -> int:
    if Level.ERROR in levels:
        return 1
    return 2 if strict and Level.WARNING in levels else 0


def _as_json(found: list[Finding]) -> str:
    counts = {level: sum(one.level is level for one in found) for level in Level}
    return json.dumps({"counts": counts, "findings": [one._asdict() for one in found]}, indent=1)


def _table(found: list[Finding]) -> Iterator[str]:
    width = max(len(one.name) for one in found)
    for level, title in _TITLES.items():
        if those := [one for one in found if one.level is level]:
            yield f"{title} ({len(those)})"
            for one in those:
                yield from _lines(one, width)
            yield ""


def _lines(one: Finding, width: int) -> Iterator[str]:
    margin = " " * (width + 4)
    wrap = partial(textwrap.fill, width=_WIDTH, subsequent_indent=margin, break_on_hyphens=False)
    yield wrap(f"  {one.name:<{width}}  {one.text}")
    if one.fix:
        yield wrap(f"> {one.fix}", initial_indent=margin)
