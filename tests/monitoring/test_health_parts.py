"""What each part says of itself, and how much it matters to whom."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import structlog
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from redis.exceptions import RedisError

from monitoring.health import background, machine, runner
from monitoring.health.report import Check, Status
from monitoring.redis import durable
from monitoring.tasks import BEAT_KEY, heartbeat


class Usage(NamedTuple):
    total: int
    used: int
    free: int


GIB = 1024**3


@pytest.fixture
def nowhere(unused_tcp_port: int) -> Iterator[str]:
    """A Redis that is not there."""
    url = f"redis://127.0.0.1:{unused_tcp_port}/0"
    with override_settings(REDIS_URL=url):
        yield url


@pytest.mark.parametrize(
    ("total", "free", "status"),
    [
        (100 * GIB, 50 * GIB, "healthy"),
        (1000 * GIB, 10 * GIB, "healthy"),  # a small share of much
        (10 * GIB, GIB, "healthy"),  # a small number, and a fair share
        (100 * GIB, GIB, "degraded"),
        (100 * GIB, GIB // 32, "unhealthy"),
    ],
)
def test_a_full_disk_is_said_before_it_is_full(
    monkeypatch: pytest.MonkeyPatch, total: int, free: int, status: str
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: Usage(total, total - free, free))
    found = machine.check_disk()
    assert (found.status, found.details["free"]) == (status, free)


def test_the_disk_of_a_directory_that_is_still_to_be_made_is_known(tmp_path: Any) -> None:
    with override_settings(VAR_DIR=tmp_path / "var" / "deeper"):
        assert machine.check_disk().details["total"] > 0


@pytest.mark.parametrize(("percentage", "status"), [(94.9, "healthy"), (95.1, "degraded")])
def test_memory_that_is_nearly_used_degrades_it(
    monkeypatch: pytest.MonkeyPatch, percentage: float, status: str
) -> None:
    monkeypatch.setattr(machine, "memory", lambda: {"percentage": percentage})
    assert machine.check_memory().status == status


@pytest.mark.django_db
def test_clocks_that_agree_are_well() -> None:
    found = machine.check_clock()
    assert found.status == "healthy"
    assert all(abs(skew) < 1 for skew in found.details.values())


@pytest.mark.django_db
@pytest.mark.parametrize("clock", ["_database_time", "_redis_time"])
def test_a_clock_that_is_off_degrades_it(monkeypatch: pytest.MonkeyPatch, clock: str) -> None:
    monkeypatch.setattr(machine, clock, lambda: time.time() - 3)
    found = machine.check_clock()
    assert found.status == "degraded"
    assert min(found.details.values()) == pytest.approx(-3, abs=0.1)


@pytest.mark.django_db
def test_every_migration_has_been_applied_here() -> None:
    assert machine.check_migrations() == Check(Status.HEALTHY, details={"missing": []})


@pytest.mark.django_db
def test_a_migration_that_is_missing_is_named() -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("monitoring", "0001_initial")
    recorder.record_applied("monitoring", "0999_of_a_newer_program")
    found = machine.check_migrations()
    assert found.status == "unhealthy"
    assert found.details["missing"] == ["monitoring.0001_initial"]


def test_beat_is_known_by_what_it_plans() -> None:
    assert background.check_beat().status == "unhealthy"
    with override_settings(CELERY_TASK_ALWAYS_EAGER=False):
        heartbeat.apply_async()  # what beat does
    assert durable().exists(BEAT_KEY)
    assert background.check_beat().status == "healthy"
    durable().set(BEAT_KEY, time.time() - 31)
    assert background.check_beat().status == "unhealthy"


def test_tasks_that_pile_up_degrade_it() -> None:
    assert background.check_tasks() == Check(Status.HEALTHY, details={"waiting": 0})
    queue = f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}celery"
    durable().rpush(queue, *range(1001))
    assert background.check_tasks() == Check(Status.DEGRADED, details={"waiting": 1001})


def test_the_channel_layer_carries_a_message() -> None:
    assert background.check_channel_layer().status == "healthy"


def test_a_channel_layer_without_redis_fails_in_time(nowhere: str) -> None:
    layers = {
        "default": {
            **settings.CHANNEL_LAYERS["default"], "CONFIG": {"hosts": [{"address": nowhere}]},
        }
    }  # fmt: skip
    started = time.monotonic()
    with override_settings(CHANNEL_LAYERS=layers), pytest.raises((RedisError, TimeoutError)):
        background.check_channel_layer()
    assert time.monotonic() - started < 2


# --- what it means to whom ---


@runner.check(critical=(runner.WORKER,))
def broken_for_workers() -> Check:
    raise RuntimeError


@runner.check(critical=(runner.WORKER,))
def unhealthy_for_workers() -> Check:
    return Check(Status.UNHEALTHY)


@pytest.mark.parametrize("function", [broken_for_workers, unhealthy_for_workers])
@pytest.mark.parametrize(("role", "status"), [("web", "degraded"), ("worker", "unhealthy")])
def test_a_part_matters_to_those_who_need_it(function: Any, role: str, status: str) -> None:
    results = runner.Runner({"part": function}, role).results()
    assert runner.overall(results) == status


asked: list[str] = []


@runner.check(every=30)
def rarely() -> Check:
    asked.append("rarely")
    return Check(Status.HEALTHY if len(asked) > 1 else Status.DEGRADED)


def test_a_part_that_is_well_rests_and_one_that_is_not_is_asked_again() -> None:
    asked.clear()
    asking = runner.Runner({"part": rarely})
    statuses = []
    for _ in range(4):
        statuses.append(asking.results()["part"].status)
        asking._asked_at = float("-inf")  # a second has passed
    assert statuses == ["degraded", "healthy", "healthy", "healthy"]
    assert len(asked) == 2


def failing() -> Check:
    raise RuntimeError("away")


def test_an_outage_is_logged_once() -> None:
    asking = runner.Runner({"part": failing})
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            asking.results()
            asking._asked_at = float("-inf")  # a second has passed
    assert [line["event"] for line in lines] == ["health_check_failed"]
