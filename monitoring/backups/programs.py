"""PostgreSQL's own programs: where they are, and what they say when they fail."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from monitoring.backups.errors import BackupError
from monitoring.backups.server import Server
from monitoring.embedded.binaries import client_directories
from monitoring.embedded.lifeline import end_with_parent
from monitoring.redaction import redact_text

_SIGTERM = 15
_VERSION_SECONDS = 10
_WATCH_EVERY = 0.2


def find_program(name: str, *, at_least: int) -> Path:
    """The first one that is not older than the server: an older one refuses, or leaves out."""
    found: list[int] = []
    for directory in client_directories():
        if (major := _major(directory / name)) is None:
            continue
        if major >= at_least:
            return directory / name
        found.append(major)
    if found:
        raise BackupError(
            f"{name} {max(found)} is here, and the server is PostgreSQL {at_least}: install the "
            f"client of PostgreSQL {at_least} or newer."
        )
    raise BackupError(
        f"There is no {name} here: install the client of PostgreSQL {at_least} or newer, or the "
        "`embedded` group of dependencies."
    )


def _major(program: Path) -> int | None:
    try:
        said = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_VERSION_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\) (\d+)", said.stdout)
    return int(match[1]) if match else None


class Running:
    """A program and what it printed to its standard error."""

    def __init__(self, process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> None:
        self.process, self._errors = process, errors

    def said(self) -> bytes:
        """So far. It writes to the same file: whoever moved the place in it would write over."""
        number = self._errors.fileno()
        return os.pread(number, os.fstat(number).st_size, 0)

    def end(self, watch: Callable[[bytes], None] | None = None) -> None:
        """BackupError unless it has done what it should; `watch` gets what it said until then."""
        while watch and self.process.poll() is None:
            watch(self.said())
            time.sleep(_WATCH_EVERY)
        if self.process.wait() != 0:
            raise BackupError(f"{_name(self.process)} failed: {_last_words(self.said())}")


@contextmanager
def running(
    argv: Sequence[str | Path],
    server: Server | None = None,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
) -> Iterator[Running]:
    """A program that ends with the block, and with this process however it ends."""
    with tempfile.TemporaryFile() as kept:
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=kept,
            env=server.environment if server else None,
            preexec_fn=end_with_parent(_SIGTERM),  # noqa: PLW1509 - it forks from the main thread
        )
        try:
            yield Running(process, kept)
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    _close(pipe)
            if process.poll() is None:
                process.kill()
                process.wait()


def _close(pipe: IO[bytes]) -> None:
    with suppress(BrokenPipeError):  # it has ended already, and `end` says why
        pipe.close()


def _name(process: "subprocess.Popen[bytes]") -> str:
    argv = process.args
    return Path(str(argv[0])).name if isinstance(argv, list | tuple) else "it"


def _last_words(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    # After an error pg_restore shows the statement: a hundred lines of a view, or rows of a COPY.
    told = [line for line in lines if "error:" in line or "fatal:" in line.lower()] or lines[-3:]
    return redact_text(" | ".join(told[:3])) or "it printed nothing"
