"""Reading an archive into an empty database, and comparing what came out with what went in."""

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from django.conf import settings
from django.utils.module_loading import import_string

from monitoring.backups.archive import decrypt, entries
from monitoring.backups.errors import BackupError
from monitoring.backups.manifest import Manifest
from monitoring.backups.programs import find_program, running
from monitoring.backups.progress import Progress
from monitoring.backups.server import Server, pointed_at
from monitoring.backups.snapshot import SCHEMA, contents
from monitoring.backups.sources import Source

# Below it the connections cost more than they bring.
PARALLEL_FROM = 16 * 1024 * 1024
MOST_JOBS = 4
_TABLE = re.compile(rb"processing data for table")
_FINISHED = re.compile(rb"finished item \d+ TABLE DATA")
# The schema is there already; whatever else pg_dump says of it belongs to that server.
_NOT_OURS = re.compile(rf"^\d+; \d+ \d+ (SCHEMA - {SCHEMA}|(COMMENT|ACL) - SCHEMA {SCHEMA})\b")


class Compared(NamedTuple):
    name: str
    expected: str
    found: str

    @property
    def is_equal(self) -> bool:
        return self.expected == self.found


def fill(
    source: Source, target: Server, keys: Sequence[Any], progress: Progress, *, without: str = ""
) -> None:
    """The checksum was compared before. `target` has an empty schema. The table `without` is made,
    and stays empty."""
    listed = _listed(source, keys)
    wanted = [line for line in listed if not _NOT_OURS.match(line) and not _is_data(line, without)]
    _read(source, target, keys, progress, wanted)
    _finish(target, progress)


def fill_one(
    source: Source, target: Server, keys: Sequence[Any], progress: Progress, table: str
) -> None:
    wanted = [line for line in _listed(source, keys) if _is_data(line, table)]
    if wanted:
        _read(source, target, keys, progress, wanted)


def _listed(source: Source, keys: Sequence[Any]) -> list[str]:
    if source.manifest.encrypted and not keys:
        raise BackupError("This backup is encrypted: --identity names the file with the key.")
    keys = keys if source.manifest.encrypted else []
    return entries(source.archive, keys, at_least=int(source.manifest.server))


def _is_data(line: str, table: str) -> bool:
    """Of a table of contents: "3712; 0 16402 TABLE DATA public django_migrations owner"."""
    return f" TABLE DATA {SCHEMA} {table} " in line


def _read(
    source: Source, target: Server, keys: Sequence[Any], progress: Progress, wanted: list[str]
) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".list") as file:
        file.write("\n".join(wanted) + "\n")
        file.flush()
        command = _command(source.manifest, target, Path(file.name))
        if source.manifest.encrypted:
            _read_from_pipe(command, source, target, keys, progress)
        else:
            _read_from_file(command, source, target, _data_of(wanted), progress)


def _command(manifest: Manifest, target: Server, wanted: Path) -> list[str | Path]:
    """Names of roles belong to the server that was dumped: see RESTORED_DATABASE for what they
    protected."""
    return [
        *(find_program("pg_restore", at_least=int(manifest.server)), "--exit-on-error"),
        *("--no-owner", "--no-privileges", "--verbose", f"--use-list={wanted}"),
        f"--dbname={target.conninfo}",
    ]


def _read_from_file(
    command: list[str | Path], source: Source, target: Server, tables: int, progress: Progress
) -> None:
    jobs = _jobs(source.manifest)
    done = _FINISHED if jobs > 1 else _TABLE

    def watch(said: bytes) -> None:
        progress.tell(f"restored {len(done.findall(said))} of {tables} tables")

    with running([*command, f"--jobs={jobs}", source.archive], target) as program:
        program.end(watch)


def _read_from_pipe(
    command: list[str | Path], source: Source, target: Server, keys: Sequence[Any], told: Progress
) -> None:
    with running(command, target, stdin=subprocess.PIPE) as program:
        assert program.process.stdin  # noqa: S101 - for mypy: it was asked for above
        decrypt(source.archive, program.process.stdin, keys, told)
        program.end()


def _jobs(manifest: Manifest) -> int:
    return 1 if manifest.size < PARALLEL_FROM else min(MOST_JOBS, os.cpu_count() or 1)


def _data_of(wanted: Sequence[str]) -> int:
    return sum(" TABLE DATA " in line for line in wanted)


def _finish(target: Server, progress: Progress) -> None:
    """Without statistics the first queries would be planned for tables that nobody knows."""
    progress.tell("analysing")
    with target.connect() as connection:
        connection.execute("ANALYZE")
    with pointed_at(target):
        for path in settings.RESTORED_DATABASE:
            import_string(path)()


def compare(manifest: Manifest, connection: psycopg.Connection[Any]) -> list[Compared]:
    found = contents(connection)
    pairs: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (manifest.tables, found.tables),
        (manifest.figures, found.figures),
    ]
    return [
        Compared(name, str(expected.get(name, "-")), str(there.get(name, "-")))
        for expected, there in pairs
        for name in sorted(expected.keys() | there.keys())
    ]
