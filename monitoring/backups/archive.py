"""Writing and reading archives: in a stream, so that their size costs no memory."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import pyrage

from monitoring.backups.errors import BackupError
from monitoring.backups.programs import find_program, running
from monitoring.backups.progress import Progress, size
from monitoring.backups.server import Server
from monitoring.backups.snapshot import SCHEMA

CHUNK = 1024 * 1024


class Digest:
    """A file that is written, or only looked at: counts and hashes what passes."""

    def __init__(self, file: BinaryIO | None, progress: Progress, what: str) -> None:
        self._file, self._progress, self._what = file, progress, what
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        if self._file is not None:
            self._file.write(data)
        self._hash.update(data)
        self.size += len(data)
        self._progress.tell(f"{self._what} {size(self.size)}")
        return len(data)

    def flush(self) -> None:
        """At the end there is one fsync for all."""

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def dump(
    server: Server, snapshot: str, path: Path, recipients: Sequence[str], progress: Progress
) -> Digest:
    """Write `path`, on the disk when this returns."""
    keys = [_recipient(text) for text in recipients]
    command: list[str | Path] = [
        *(find_program("pg_dump", at_least=server.major), "--format=custom", "--no-owner"),
        *(f"--schema={SCHEMA}", f"--snapshot={snapshot}", "--lock-wait-timeout=60000"),
        f"--dbname={server.conninfo}",
    ]
    with path.open("xb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until we end, however: see Directory.clear
        path.chmod(0o600)
        digest = Digest(file, progress, "dumped")
        with running(command, server, stdout=subprocess.PIPE) as program:
            _pump(_pipe(program.process.stdout), digest, keys)
            program.end()
        file.flush()
        os.fsync(file.fileno())
    return digest


def _pump(source: IO[bytes], target: Digest, keys: Sequence[Any]) -> None:
    if not keys:
        shutil.copyfileobj(source, target, CHUNK)
        return
    try:
        pyrage.encrypt_io(source, target, keys)
    except pyrage.EncryptError as error:
        raise BackupError(f"The backup could not be written: {error}") from None


def _recipient(text: str) -> Any:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise BackupError(
            f"BACKUP_AGE_RECIPIENTS: {text[:12]!r}… is no public key of age (age1...)."
        ) from None


def digest_of(path: Path, progress: Progress) -> str:
    digest = Digest(None, progress, "read")
    with path.open("rb") as file:
        shutil.copyfileobj(file, digest, CHUNK)
    return digest.sha256


def identities(file: Path | None) -> list[Any]:
    """The private keys of an identity file, as age-keygen writes it."""
    if file is None:
        return []
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
        found = [
            pyrage.x25519.Identity.from_str(line) for line in lines if line[:1] not in {"", "#"}
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"The identity file cannot be read: {error}") from None
    except pyrage.IdentityError:
        raise BackupError(f"{file} holds something that is no secret key of age.") from None
    if not found:
        raise BackupError(f"There is no key in {file}.")
    return found


def entries(path: Path, keys: Sequence[Any], *, at_least: int) -> list[str]:
    """The archive's table of contents. BackupError when it is none, or cannot be decrypted."""
    listing: list[str | Path] = [find_program("pg_restore", at_least=at_least), "--list"]
    # Into a file: who writes to a pipe that nobody reads would wait, and no longer read from ours.
    with tempfile.TemporaryFile() as printed:
        if keys:
            with running(listing, stdin=subprocess.PIPE, stdout=printed) as program:
                decrypt(path, _pipe(program.process.stdin), keys, Progress())
                program.end()
        else:
            with running([*listing, path], stdout=printed) as program:
                program.end()
        printed.seek(0)
        lines = printed.read().decode().splitlines()
    return [line for line in lines if line and not line.startswith(";")]


def decrypt(path: Path, pipe: IO[bytes], keys: Sequence[Any], progress: Progress) -> None:
    """Into a pipe, so that what is secret never lies on a disk. Who has read enough closes it: a
    listing ends long before the file does."""
    target = Digest(cast("BinaryIO", pipe), progress, "decrypted")
    try:
        with path.open("rb") as source:
            pyrage.decrypt_io(source, target, keys)
    except BrokenPipeError:
        pass  # whether it ended well, its exit code says
    except pyrage.DecryptError:
        raise BackupError(
            "The backup cannot be decrypted: is this the identity of one of its recipients?"
        ) from None
    finally:
        with suppress(BrokenPipeError):
            pipe.close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    return cast("IO[bytes]", pipe)
