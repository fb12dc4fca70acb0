"""Where backups are kept: a directory always, and a bucket besides if one is named."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import structlog
from django.conf import settings

from monitoring.backups.errors import BackupError
from monitoring.backups.manifest import SUFFIX, Manifest, checked_name

log = structlog.get_logger("rallypoint.backups")

UNFINISHED, FETCHED = ".unfinished", ".fetched"
# An archive gets its manifest once it was read back; one that has none after so long gets none.
_LEFT_AFTER = 6 * 3600.0


class Store(Protocol):
    """`manifests` are newest first."""

    def manifests(self) -> list[Manifest]: ...

    def delete(self, manifest: Manifest) -> None: ...


class Directory:
    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def ours(cls) -> "Directory":
        return cls(Path(settings.BACKUP_DIR))

    def prepare(self) -> None:
        """Only for its owner: a backup has everybody's data, and the hashes of their passwords."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
        except OSError as error:
            raise BackupError(f"BACKUP_DIR {self.path} cannot be used: {error.strerror}.") from None

    def manifests(self) -> list[Manifest]:
        found = [self._read(path) for path in self.path.glob(f"*{SUFFIX}")]
        return sorted((one for one in found if one), key=lambda one: one.created_at, reverse=True)

    def _read(self, path: Path) -> Manifest | None:
        try:
            return Manifest.decoded(path.read_bytes(), path.name.removesuffix(SUFFIX))
        except (BackupError, OSError) as error:
            log.warning("manifest_not_read", name=path.name, error=str(error)[:200])
            return None

    def get(self, name: str) -> Manifest | None:
        path = self.path / f"{checked_name(name)}{SUFFIX}"
        return Manifest.decoded(path.read_bytes(), name) if path.is_file() else None

    def archive(self, manifest: Manifest) -> Path:
        return self.path / manifest.archive

    def put(self, manifest: Manifest) -> None:
        """Whole or not at all; what it describes is on the disk by then."""
        path = self.path / f"{manifest.name}{SUFFIX}"
        half = path.with_name(f"{path.name}{UNFINISHED}")
        with half.open("wb") as file:
            half.chmod(0o600)
            file.write(manifest.encoded())
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
        self.sync()

    def sync(self) -> None:
        """A rename is lasting when the directory is."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def delete(self, manifest: Manifest) -> None:
        """The manifest first: what is left of a delete that was killed is no backup."""
        (self.path / f"{manifest.name}{SUFFIX}").unlink(missing_ok=True)
        self.archive(manifest).unlink(missing_ok=True)

    def clear(self) -> None:
        """What killed processes left. Only for who holds the lock."""
        for path in self._leftovers():
            with suppress(OSError):
                path.unlink()

    def _leftovers(self) -> Iterator[Path]:
        """Another instance may share the directory, and its files are in use."""
        for suffix in (UNFINISHED, FETCHED):
            yield from (path for path in self.path.glob(f"*{suffix}") if not _is_in_use(path))
        for pattern in ("rallypoint-*.dump", "rallypoint-*.dump.age"):
            for path in self.path.glob(pattern):
                has_manifest = path.with_name(f"{path.name.partition('.')[0]}{SUFFIX}").exists()
                if not has_manifest and time.time() - path.stat().st_mtime > _LEFT_AFTER:
                    yield path


@contextmanager
def in_use(path: Path) -> Iterator[None]:
    """A file that is being made; the kernel lets go of it when its process is killed."""
    with path.open("ab") as file:
        path.chmod(0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_in_use(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True  # somebody else has just taken it away
    except BlockingIOError:
        return True
    return False
