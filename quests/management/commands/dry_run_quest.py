"""`manage.py dry_run_quest`: who would gain or lose by a change of a quest, before it is made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import ValidationError

from monitoring.wire.problems import Problem
from quests.authoring.dry_run import (
    MAX_TEXT,
    MOST_LISTED,
    Difference,
    DryRun,
    read_change,
    replay,
    sentences,
)
from quests.models import Quest


class Command(BaseCommand):
    help = (
        "Judge what players have done under a quest as it is and as a YAML file would make it; "
        "nothing is written. Example: manage.py dry_run_quest 7 --file changed.yaml"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int, metavar="NUMBER")
        parser.add_argument("--file", type=Path, required=True, metavar="FILE")

    def handle(self, *, number: int, file: Path, **_: Any) -> None:
        quest = Quest.objects.filter(number=number).first()
        if quest is None:
            raise CommandError(f"There is no quest {number}.")
        try:
            found = replay(quest, read_change(_read(file), number))
        except ValueError as error:
            raise CommandError(str(error)) from None
        except (ValidationError, Problem) as error:
            raise CommandError("\n".join(sentences(error))) from None
        self.stdout.write("\n".join(_lines(quest, found)))


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_TEXT * 4).decode()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is no UTF-8.") from None


def _lines(quest: Quest, found: DryRun) -> Iterator[str]:
    yield f"{quest}: {found.rounds:,} rounds of {found.players:,} players"
    yield f"would gain          {found.gains:>9,}"
    yield f"would lose          {found.losses:>9,}"
    yield f"complete as before  {found.unchanged_passed:>9,}"
    yield f"open as before      {found.unchanged_open:>9,}"
    yield f"XP                  {found.xp_before:>9,} -> {found.xp_after:,} ({found.xp_change:+,})"
    if found.places_left is not None:
        yield f"places left         {found.places_left:>9,}"
    for step in found.steps:
        yield f"step {step.id:<15}{_count(step.before):>9} -> {_count(step.after)}"
    yield from _named("+", found.gaining, found.gains)
    yield from _named("-", found.losing, found.losses)
    if not found.is_complete:
        yield "There are more players than were looked at."


def _count(met: int | None) -> str:
    return "none" if met is None else f"{met:,}"


def _named(sign: str, listed: list[Difference], count: int) -> Iterator[str]:
    for row in listed:
        done = "completed" if row.is_completed else "open"
        yield f"{sign} {row.player} {row.period} ({done}): {', '.join(row.reasons)}"
    if count > len(listed):
        yield f"{sign} and {count - MOST_LISTED:,} more"
