"""Copies elsewhere: signed, in parts, whole or not at all."""

import json
import shutil
import sys
import time
from collections.abc import Iterator

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from accounts.models import User
from monitoring.backups import bucket as buckets
from monitoring.backups.bucket import Bucket
from monitoring.backups.errors import BackupError
from monitoring.backups.health import check_backups
from monitoring.backups.server import Server
from monitoring.backups.store import Directory
from monitoring.health.report import Status
from monitoring.tasks import back_up
from tests.monitoring.backups.bucket_server import KEY, SECRET, BucketServer, bucket_server
from tests.monitoring.backups.conftest import Say, archive_of, ballast, made, rows


@pytest.fixture
def bucket(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with bucket_server() as server:
        settings.BACKUP_S3_URL, settings.BACKUP_S3_ENDPOINT = "s3://safe/rally", server.url
        yield server


def test_a_backup_is_copied_with_its_manifest_last(bucket: BucketServer) -> None:
    manifest = made()
    archive = f"safe/rally/{manifest.archive}"

    assert bucket.objects[archive] == archive_of(manifest).read_bytes()
    assert json.loads(bucket.objects[f"safe/rally/{manifest.name}.json"])["size"] == manifest.size
    puts = [line for line in bucket.requests if line.startswith("PUT")]
    assert puts[-1].endswith(f"{manifest.name}.json")


def test_a_large_one_travels_in_parts_and_comes_back_whole(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, alice: User, say: Say,
    elsewhere: Server, settings: Settings,
) -> None:  # fmt: skip
    monkeypatch.setattr(buckets, "PART", 5 * 1024 * 1024)  # the least that S3 takes
    settings.BACKUP_S3_URL = "s3://safe"
    with ballast():
        manifest = made()
    assert sum("partNumber" in line for line in bucket.requests) >= 2
    shutil.rmtree(settings.BACKUP_DIR)

    say("restore", manifest.name, into=elsewhere.url)

    assert rows(elsewhere, "SELECT username FROM accounts_user") == [("alice",)]
    assert list(settings.BACKUP_DIR.iterdir()) == []


def test_a_copy_that_breaks_off_is_no_backup_and_the_first_one_stays(
    bucket: BucketServer, settings: Settings, say: Say
) -> None:
    bucket.break_off_after = 1
    with pytest.raises(CommandError, match=r"is in BACKUP_DIR only: .* InternalError|AccessDenied"):
        say("backup")
    bucket.break_off_after = 10**9

    assert Bucket.ours() is not None
    assert not [name for name in bucket.objects if name.endswith(".json")]
    assert len(Directory.ours().manifests()) == 1
    assert "directory" in say("backups")


def test_what_a_bucket_missed_is_brought_when_it_is_back(
    bucket: BucketServer, settings: Settings, say: Say
) -> None:
    settings.BACKUP_INTERVAL_HOURS = 24
    bucket.break_off_after = 1
    with pytest.raises(CommandError, match="is in BACKUP_DIR only"):
        say("backup")
    assert check_backups().status is Status.DEGRADED
    bucket.break_off_after = 10**9

    assert back_up() == ""

    (entry,) = json.loads(say("backups", "--json"))["backups"]
    assert entry["where"] == ["directory", "bucket"]
    assert check_backups().status is Status.HEALTHY


def test_a_disk_that_was_emptied_makes_none_due_that_the_bucket_has(
    bucket: BucketServer, settings: Settings
) -> None:
    """Another worker's disk, or a new one's."""
    settings.BACKUP_INTERVAL_HOURS = 24
    made()
    shutil.rmtree(settings.BACKUP_DIR)
    assert back_up() == ""
    assert len(bucket.objects) == 2


def test_another_instances_backups_are_not_ours(
    bucket: BucketServer, settings: Settings, say: Say
) -> None:
    """Who keeps one a day keeps one a day of each database."""
    settings.BACKUP_INTERVAL_HOURS = 24
    theirs = made()
    theirs.database = "another"
    Directory.ours().put(theirs)
    assert Bucket.ours() is not None
    Bucket.ours().put_manifest(theirs)
    assert back_up() != ""
    assert len(Directory.ours().manifests()) == 2


def test_a_wrong_secret_is_refused_and_not_repeated(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret-entirely")
    with pytest.raises(CommandError, match="SignatureDoesNotMatch") as caught:
        say("backup")
    assert "another-secret" not in str(caught.value)
    assert bucket.objects == {}


def test_the_list_says_where_each_is_and_deletes_reach_both(
    bucket: BucketServer, settings: Settings, say: Say
) -> None:
    first = made()
    (entry,) = json.loads(say("backups", "--json"))["backups"]
    assert entry["where"] == ["directory", "bucket"]
    second = made()  # of one day, the newer stays
    assert {name.rpartition("/")[2] for name in bucket.objects} == {
        second.archive, f"{second.name}.json",
    }  # fmt: skip
    (entry,) = json.loads(say("backups", "--json"))["backups"]
    assert entry["name"] == second.name != first.name


def test_verifying_and_drilling_are_noted_in_both(
    bucket: BucketServer, settings: Settings, say: Say
) -> None:
    manifest = made()
    shutil.rmtree(settings.BACKUP_DIR)
    assert "is readable" in say("backup", "--verify", manifest.name)
    say("restore", "--drill")
    assert json.loads(bucket.objects[f"safe/rally/{manifest.name}.json"])["drilled_at"]


def test_what_is_no_manifest_in_the_bucket_is_passed_over(bucket: BucketServer, say: Say) -> None:
    manifest = made()
    bucket.objects["safe/rally/other.json"] = b"{}"
    bucket.objects["safe/rally/evil.json"] = manifest.encoded().replace(
        manifest.name.encode(), b"../../etc/passwd"
    )
    assert say("backups").count("\n") == 4


def test_nobody_at_the_endpoint_costs_seconds(settings: Settings, bucket: BucketServer) -> None:
    settings.BACKUP_S3_ENDPOINT = "http://127.0.0.1:9"
    started = time.monotonic()
    ours = Bucket.ours()
    assert ours
    with pytest.raises(BackupError, match="could not be used"):
        ours.reach()
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("url", ["https://bucket", "s3:///prefix", "bucket"])
def test_an_address_that_is_none_is_said(settings: Settings, url: str) -> None:
    settings.BACKUP_S3_URL = url
    with pytest.raises(BackupError, match="BACKUP_S3_URL must be"):
        Bucket.ours()


def test_without_the_extra_it_says_what_to_install(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(BackupError, match=r"boto3 is not installed: .*requirements-image.lock"):
        Bucket.ours()


def test_boto3_is_not_imported_until_a_bucket_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BACKUP_S3_URL = ""
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert made().verified_at
