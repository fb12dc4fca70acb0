"""Finding a backup: by its name, or by the path of its archive."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from monitoring.backups.bucket import Bucket
from monitoring.backups.errors import BackupError
from monitoring.backups.manifest import SUFFIX, Manifest
from monitoring.backups.progress import Progress
from monitoring.backups.store import FETCHED, Directory, in_use


class Source(NamedTuple):
    manifest: Manifest
    archive: Path


@contextmanager
def found(name: str, progress: Progress) -> Iterator[Source]:
    """The newest for an empty name. What only the bucket has lies in BACKUP_DIR for as long as the
    block takes."""
    if name and (path := Path(name)).is_file():
        yield _beside(path)
        return
    directory = Directory.ours()
    if here := _here(directory, name):
        yield Source(here, directory.archive(here))
        return
    manifest, bucket = _in_bucket(name)
    directory.prepare()
    half = directory.path / f"{manifest.name}-{os.getpid()}{FETCHED}"
    progress.tell(f"fetching {manifest.archive}")
    try:
        with in_use(half):
            bucket.fetch(manifest, half)
            yield Source(manifest, half)
    finally:
        half.unlink(missing_ok=True)


def _beside(path: Path) -> Source:
    stem = path.name.removesuffix(".age").removesuffix(".dump").removesuffix(SUFFIX)
    manifest_path = path.with_name(f"{stem}{SUFFIX}")
    if not manifest_path.is_file():
        raise BackupError(f"{manifest_path.name} must lie beside {path.name}: it has the checksum.")
    manifest = Manifest.decoded(manifest_path.read_bytes(), stem)
    return Source(manifest, path.with_name(manifest.archive))


def _here(directory: Directory, name: str) -> Manifest | None:
    manifest = directory.get(name) if name else next(iter(directory.manifests()), None)
    return manifest if manifest and directory.archive(manifest).is_file() else None


def _in_bucket(name: str) -> tuple[Manifest, Bucket]:
    bucket = Bucket.ours()
    if bucket and (manifest := bucket.get(name) if name else next(iter(bucket.manifests()), None)):
        return manifest, bucket
    if name:
        raise BackupError(f"There is no backup {name!r}: `manage.py backups` lists them.")
    raise BackupError("There is no backup yet: `manage.py backup` makes one.")
