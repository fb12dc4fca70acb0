"""Copies in a bucket that speaks S3. boto3 is an extra, and imported only when a bucket is named.

Who may write there is what boto3 finds by itself: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a
profile, or the machine's role.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings

from monitoring.backups.errors import BackupError
from monitoring.backups.manifest import SUFFIX, Manifest, checked_name

log = structlog.get_logger("rallypoint.backups")

CONNECT_SECONDS, READ_SECONDS, TRIES = 5, 60, 3
# 10,000 parts are the most that S3 takes: 640 GB.
PART = 64 * 1024 * 1024
_REGION = "us-east-1"  # of who names none: others than Amazon do not mind


class Bucket:
    def __init__(self, url: str, endpoint: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise BackupError("BACKUP_S3_URL must be s3://bucket or s3://bucket/prefix.")
        self.name = parts.netloc
        self._prefix = f"{prefix}/" if (prefix := parts.path.strip("/")) else ""
        self._client = _client(endpoint)

    @classmethod
    def ours(cls) -> "Bucket | None":
        if not settings.BACKUP_S3_URL:
            return None
        return cls(settings.BACKUP_S3_URL, settings.BACKUP_S3_ENDPOINT)

    def manifests(self) -> list[Manifest]:
        with _plainly("list"):
            found = [one for key in self._keys() if (one := self._read(key))]
        return sorted(found, key=lambda one: one.created_at, reverse=True)

    def _keys(self) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.name, Prefix=self._prefix):
            for entry in page.get("Contents", ()):
                if entry["Key"].endswith(SUFFIX):
                    yield entry["Key"]

    def _read(self, key: str) -> Manifest | None:
        body = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
        try:
            return Manifest.decoded(body, key.removeprefix(self._prefix).removesuffix(SUFFIX))
        except BackupError as error:
            log.warning("manifest_not_read", name=key, error=str(error)[:200])
            return None

    def get(self, name: str) -> Manifest | None:
        key = f"{self._prefix}{checked_name(name)}{SUFFIX}"
        with _plainly("read"):
            try:
                return self._read(key)
            except self._client.exceptions.NoSuchKey:
                return None

    def put(self, manifest: Manifest, archive: Path) -> None:
        """The manifest last: without it there is no backup."""
        with _plainly("write"), archive.open("rb") as file:
            key = f"{self._prefix}{manifest.archive}"
            self._client.upload_fileobj(file, self.name, key, Config=_in_parts())
        self.put_manifest(manifest)

    def put_manifest(self, manifest: Manifest) -> None:
        with _plainly("write"):
            self._client.put_object(
                Bucket=self.name,
                Key=f"{self._prefix}{manifest.name}{SUFFIX}",
                Body=manifest.encoded(),
                ContentType="application/json",
            )

    def fetch(self, manifest: Manifest, path: Path) -> None:
        with _plainly("read"), path.open("wb") as file:
            path.chmod(0o600)
            key = f"{self._prefix}{manifest.archive}"
            self._client.download_fileobj(self.name, key, file, Config=_in_parts())

    def delete(self, manifest: Manifest) -> None:
        with _plainly("delete"):
            for name in (f"{manifest.name}{SUFFIX}", manifest.archive):
                self._client.delete_object(Bucket=self.name, Key=f"{self._prefix}{name}")

    def reach(self) -> None:
        """BackupError when nobody answers, or we may not."""
        with _plainly("list"):
            self._client.list_objects_v2(Bucket=self.name, Prefix=self._prefix, MaxKeys=1)


def _client(endpoint: str) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise BackupError(
            f"BACKUP_S3_URL is set, and {error.name} is not installed: "
            "deploy/install.sh requirements-image.lock brings it"
        ) from error
    session = boto3.session.Session()
    options = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"max_attempts": TRIES, "mode": "standard"},
        signature_version="s3v4",
        # Others than Amazon often know neither names of buckets as hosts, nor its new checksums.
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    region = session.region_name or _REGION
    return session.client("s3", endpoint_url=endpoint or None, region_name=region, config=options)


def _in_parts() -> Any:
    from boto3.s3.transfer import TransferConfig

    # Two parts at once, and so twice PART of memory at most.
    return TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=2)


@contextmanager
def _plainly(verb: str) -> Iterator[None]:
    """What botocore raises, without the request that it may repeat."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "?")
        raise BackupError(f"The bucket let us not {verb}: {code}.") from None
    except (BotoCoreError, Boto3Error, OSError) as error:
        raise BackupError(
            f"The bucket could not be used ({verb}): {type(error).__name__}."
        ) from None
