"""Backups by themselves, and who hears when there are none."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as project
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from config.celery import app
from monitoring import metrics
from monitoring.backups import making, records
from monitoring.backups.errors import BackupError
from monitoring.backups.health import check_backups
from monitoring.backups.server import Server
from monitoring.backups.store import Directory
from monitoring.health.report import Status
from monitoring.redis import durable
from monitoring.supervisor.instance import Address, environment
from monitoring.tasks import back_up
from tests.monitoring.backups.conftest import Say, made


@pytest.fixture(autouse=True)
def _daily(settings: Settings) -> None:
    settings.BACKUP_INTERVAL_HOURS = 24


def make_older(hours: float) -> None:
    directory = Directory.ours()
    newest = directory.manifests()[0]
    newest.created_at = datetime.now(UTC) - timedelta(hours=hours)
    directory.put(newest)
    records.note_newest(newest, is_copied=None)


def test_one_is_made_when_it_is_due_and_not_before() -> None:
    first = back_up()
    assert first
    assert back_up() == ""
    make_older(23.9)
    assert back_up() == ""
    make_older(24.1)
    assert back_up() not in {"", first}


def test_none_is_made_when_they_are_off(settings: Settings) -> None:
    settings.BACKUP_INTERVAL_HOURS = 0
    assert back_up() == ""
    assert Directory.ours().manifests() == []


def test_a_second_worker_leaves_it_to_the_first() -> None:
    with Server.ours().held(making._LOCK, "making a backup"):
        assert back_up() == ""


def test_beat_asks_often_and_no_time_limit_of_others_ends_a_long_dump() -> None:
    (plan,) = [
        entry for entry in project.CELERY_BEAT_SCHEDULE.values() if entry["task"] == back_up.name
    ]
    assert plan["schedule"] == 900
    task = app.tasks[back_up.name]
    assert project.CELERY_TASK_TIME_LIMIT == 300
    assert (task.time_limit, task.acks_late) == (6 * 3600, False)
    assert task.in_maintenance


def test_an_instance_for_a_look_makes_none_unless_asked(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    var = tmp_path_factory.mktemp("var")
    address = Address("127.0.0.1", 8000)
    assert environment({}, address, var)["BACKUP_INTERVAL_HOURS"] == "0"
    asked = environment({"BACKUP_INTERVAL_HOURS": "6"}, address, var)
    assert asked["BACKUP_INTERVAL_HOURS"] == "6"


def test_health_is_degraded_while_backups_are_missing_or_old(settings: Settings) -> None:
    assert check_backups().status is Status.DEGRADED
    made()
    assert check_backups().status is Status.HEALTHY
    make_older(47)
    assert check_backups().status is Status.HEALTHY
    make_older(49)
    assert check_backups().status is Status.DEGRADED
    settings.BACKUP_INTERVAL_HOURS = 0
    assert check_backups().status is Status.HEALTHY


def test_a_copy_that_could_not_be_made_is_seen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    class Away:
        @classmethod
        def ours(cls) -> "Away":
            raise BackupError("The bucket could not be used (write): ConnectTimeoutError.")

    settings.BACKUP_S3_URL = "s3://bucket"
    monkeypatch.setattr(making, "Bucket", Away)
    assert "ConnectTimeoutError" in making.back_up(making.Progress()).not_copied
    assert check_backups().status is Status.DEGRADED
    assert len(Directory.ours().manifests()) == 1


def test_an_emptied_redis_hears_of_the_newest_again() -> None:
    manifest = made()
    durable().flushdb()
    assert check_backups().status is Status.DEGRADED
    assert back_up() == ""
    newest = records.newest()
    assert newest
    assert newest.name == manifest.name
    assert check_backups().status is Status.HEALTHY


def test_prometheus_hears_of_age_size_and_drills(say: Say) -> None:
    def told() -> dict[str, float]:
        return {
            sample.name: sample.value
            for family in metrics.families()
            for sample in family.samples
            if sample.name.startswith("rallypoint_backup_")
        }

    assert told() == {}
    manifest = made()
    make_older(2)
    found = told()
    assert found["rallypoint_backup_age_seconds"] == pytest.approx(7200, abs=60)
    assert found["rallypoint_backup_size_bytes"] == manifest.size
    assert "rallypoint_backup_last_drill_seconds" not in found
    say("restore", "--drill")
    assert told()["rallypoint_backup_last_drill_seconds"] < 60
    assert told()["rallypoint_backup_drill_differences"] == 0


def test_operators_see_it_on_their_first_page(client: Client, say: Say) -> None:
    client.force_login(User.objects.create_superuser(username="ada"))
    assert "Last backup" in (page := client.get("/admin/").content.decode())
    assert "none yet" in page
    made()
    assert "never tried" in client.get("/admin/").content.decode()
    say("restore", "--drill")
    assert "restored for a trial" in client.get("/admin/").content.decode()
