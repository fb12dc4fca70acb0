"""`manage.py restore`: a backup back into a database, or only tried, in one of its own."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from monitoring.backups import drill as drills
from monitoring.backups.archive import identities
from monitoring.backups.derived import make_fresh
from monitoring.backups.errors import BackupError
from monitoring.backups.making import note_drilled
from monitoring.backups.progress import Progress
from monitoring.backups.restoring import Restored, look, restore, undo
from monitoring.backups.server import Server
from monitoring.backups.sources import found

_NOT_DRILLED = ("into", "replace", "yes", "disconnect", "refresh", "undo")


class Command(BaseCommand):
    help = (
        "Restore a backup, by its name or the path of its archive. What the database holds is "
        "replaced only with --replace, and stays if anything fails. docs/recovery.md says the "
        "rest. Example: manage.py restore --drill"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", default="", help="a drill takes the newest")
        parser.add_argument(
            "--drill", action="store_true",
            help="restore into a database that is dropped again, and prove its numbers",
        )  # fmt: skip
        parser.add_argument(
            "--refresh", action="store_true",
            help="restore nothing: make fresh what Redis keeps of a database restored otherwise",
        )  # fmt: skip
        parser.add_argument(
            "--undo", action="store_true",
            help="restore nothing: put back what was there before a restore that was killed",
        )  # fmt: skip
        parser.add_argument("--into", metavar="URL", help="another database than our own")
        parser.add_argument("--identity", type=Path, metavar="FILE", help="age identity")
        parser.add_argument("--replace", action="store_true", help="although there are tables")
        parser.add_argument(
            "--yes", action="store_true", help="with --replace or --undo: ask nothing"
        )
        parser.add_argument(
            "--disconnect", action="store_true", help="end other connections to the database"
        )
        parser.add_argument("--json", action="store_true", help="with --drill: as JSON")
        parser.add_argument("--quiet", action="store_true", help="no progress")

    def handle(self, **options: Any) -> None:
        self._options = options
        progress = Progress(None if options["quiet"] else sys.stderr)
        try:
            with _left_in_order():
                for line in self._lines(progress):
                    progress.end()
                    self.stdout.write(line)
        except BackupError as error:
            progress.end()
            raise CommandError(str(error)) from None
        except (OSError, DatabaseError) as error:
            progress.end()
            raise CommandError(f"{type(error).__name__}: {str(error)[:300]}") from None

    def _lines(self, progress: Progress) -> Iterator[str]:
        options = self._options
        if options["drill"] and (given := [one for one in _NOT_DRILLED if options[one]]):
            raise BackupError(
                f"--drill takes no --{given[0]}: it restores into a database of its own."
            )
        if options["refresh"]:
            yield from make_fresh()
        elif options["drill"]:
            yield from self._drill(progress)
        elif options["undo"]:
            yield from self._undo(self._target())
        elif not options["name"]:
            raise BackupError("Which one? `manage.py backups` lists them.")
        else:
            yield from self._restore(progress)

    def _drill(self, progress: Progress) -> Iterator[str]:
        keys = identities(self._options["identity"])
        with found(self._options["name"], progress) as source:
            report = drills.drill(source, keys, progress)
        if not report.differences:
            note_drilled(report.name)
        yield _as_json(report) if self._options["json"] else _as_table(report)
        if report.differences:
            raise BackupError(f"{report.differences} differences.")

    def _restore(self, progress: Progress) -> Iterator[str]:
        target = self._target()
        keys = identities(self._options["identity"])
        with found(self._options["name"], progress) as source:
            self._ask(target, source.manifest.name)
            done = restore(
                *(source, target, keys, progress), disconnect=self._options["disconnect"]
            )
        yield from _told(done, target)
        if self._options["into"]:
            yield "This is not our own database: what Redis keeps was left alone."
        else:
            yield from make_fresh()
            yield "Start web, worker and beat; then `manage.py reconcile` proves the numbers."

    def _undo(self, target: Server) -> Iterator[str]:
        self._insist(f"Put back what {target.database!r} held before the restore that was killed?")
        undo(target, disconnect=self._options["disconnect"])
        yield f"{target.database!r} holds what it held before the restore that was killed."

    def _ask(self, target: Server, name: str) -> None:
        found = look(target)
        if not self._options["replace"]:
            if found.is_cut_off:
                raise BackupError(
                    "A restore was killed here before it was complete. --undo puts back what was "
                    "there before it; --replace throws that away as well."
                )
            if found.has_tables:
                raise BackupError(
                    f"There are tables in the database {target.database!r}: --replace throws them "
                    "away."
                )
        if found.has_tables or found.is_cut_off:
            self._insist(f"Replace all of {target.database!r} by {name}?")

    def _insist(self, question: str) -> None:
        if self._options["yes"]:
            return
        if not sys.stdin.isatty():
            raise BackupError("Nobody can be asked here: --yes says that you are sure.")
        database = self._target().database
        if input(f"{question} Type the database's name: ").strip() != database:
            raise BackupError("Nothing was changed.")

    def _target(self) -> Server:
        into = self._options["into"]
        return Server.at(into) if into else Server.ours()


@contextmanager
def _left_in_order() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does: what is half done is undone before."""
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _told(done: Restored, target: Server) -> Iterator[str]:
    yield (
        f"{done.rows:,} rows of {done.tables} tables are in {target.database!r}, all of them as "
        f"they were, after {done.seconds:.1f} s."
    )
    if done.unknown:
        yield (
            f"The backup is of a newer program ({', '.join(done.unknown[:3])}…): run that one, for "
            "this one does not know its tables."
        )
    if done.missing:
        yield f"This program is newer: {len(done.missing)} migrations wait for `manage.py migrate`."


def _as_table(report: drills.Report) -> str:
    width = max(len(one.name) for one in report.compared)
    lines = [f"{report.name}, {report.rows:,} rows", ""]
    lines += [
        f"{_sign(one.is_equal)}  {one.name:<{width}}  {one.expected:>14}  {one.found:>14}"
        for one in report.compared
        if not one.is_equal or one.expected not in {"0", "-"}
    ]
    empty = sum(one.is_equal and one.expected == "0" for one in report.compared)
    lines += [f"ok  and {empty} that are empty in both"] if empty else []
    for name, differences in report.proofs.items():
        lines.append(f"{_sign(not differences)}  proof of {name}")
        lines += [
            f"!!    {d.equation} {d.subject}: {d.expected:,}, {d.found:,}" for d in differences
        ]
    if report.migrated:
        lines.append("    after the migrations of this program, which is newer")
    verdict = "NOT EQUAL" if report.differences else "All equal"
    took = f"restored in {report.restored_seconds:.1f} s, all of it in {report.seconds:.1f} s"
    return "\n".join([*lines, "", f"{verdict}; {took}."])


def _sign(is_well: bool) -> str:  # noqa: FBT001 - it says what it is
    return "ok" if is_well else "!!"


def _as_json(report: drills.Report) -> str:
    return json.dumps(
        {
            "name": report.name,
            "clean": not report.differences,
            "rows": report.rows,
            "restoredSeconds": round(report.restored_seconds, 2),
            "seconds": round(report.seconds, 2),
            "migrated": report.migrated,
            "compared": [one._asdict() for one in report.compared],
            "proofs": {
                name: [one._asdict() for one in found] for name, found in report.proofs.items()
            },
        }
    )
