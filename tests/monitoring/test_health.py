"""Health says what is away, in time, and tells strangers no more than that."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.utils.module_loading import import_string
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts.models import User
from monitoring.health import draining, runner, services
from monitoring.health.report import Check, Status, worst
from monitoring.maintenance import notice
from monitoring.maintenance.notice import Notice
from monitoring.redis import durable
from monitoring.tasks import HEARTBEAT_KEY, heartbeat
from tests.monitoring.conftest import StartRedis

Api = Callable[..., APIClient]
OURS = {
    "database": "monitoring.health.services.check_database",
    "cache": "monitoring.health.services.check_cache",
    "workers": "monitoring.health.background.check_workers",
}
HERE = "tests.monitoring.test_health"


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    """Each test asks for itself, of the parts that it names."""
    with override_settings(HEALTH_CHECKS=OURS):
        heartbeat()
        yield
    draining.cancel()


@pytest.fixture
def away(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> Iterator[Callable[[], None]]:
    """Called, PostgreSQL is where nobody listens."""
    with monkeypatch.context() as patch:

        def go() -> None:
            connection.close()
            patch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
            patch.setitem(connection.settings_dict, "PORT", str(unused_tcp_port))

        yield go
        connection.close()


released = Event()


def well() -> Check:
    return Check(Status.HEALTHY, details={"secret": "number"})


def broken() -> Check:
    raise ValueError("password=hunter2hunter2")


@runner.check(critical=True)
def broken_and_needed() -> Check:
    raise ValueError("password=hunter2hunter2")


@runner.check(limit=0.1)
def silent() -> Check:
    released.wait(10)
    return Check(Status.HEALTHY)


@runner.check(limit=0.1, critical=True)
def silent_and_needed() -> Check:
    released.wait(10)
    return Check(Status.HEALTHY)


asked: list[float] = []


def counted() -> Check:
    asked.append(time.monotonic())
    return Check(Status.HEALTHY)


def parts(*names: str) -> Any:
    return override_settings(HEALTH_CHECKS={name: f"{HERE}.{name}" for name in names})


# --- the doors ---


def test_ping_pongs(client: Client) -> None:
    response = client.get("/ping")
    assert (response.content, response["Content-Type"]) == (b"pong", "text/plain")


@pytest.mark.django_db(transaction=True)
def test_a_stranger_learns_how_it_is_and_no_numbers(client: Client) -> None:
    response = client.get("/api/health")
    body = response.json()
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert body.pop("uptime") > 0
    assert body.pop("timestamp").endswith("Z")
    assert body == {
        "status": "healthy",
        "version": "0.1.0",
        "database": {"connected": True},
        "cache": {"connected": True},
        "maintenance": False,
        "checks": {name: {"status": "healthy"} for name in OURS},
    }


@pytest.mark.django_db(transaction=True)
def test_an_operator_gets_the_numbers(api: Api, operator: User) -> None:
    body = api(operator).get("/api/health").json()
    assert set(body["memory"]) == {"used", "free", "total", "percentage"}
    assert body["memory"]["used"] + body["memory"]["free"] == body["memory"]["total"] > 0
    assert set(body["database"]) == {"connected", "latency", "connections"}
    assert body["database"]["connections"] >= 1
    assert body["database"]["latency"] > 0
    assert set(body["cache"]) == {"connected", "latency", "hitRate"}
    assert set(body["errors"]) == {"count", "rate", "categories"}
    assert body["checks"]["workers"]["heartbeatAge"] < 5


@pytest.mark.django_db(transaction=True)
def test_neither_another_person_nor_an_operators_key_gets_them(
    api: Api, alice: User, operator: User
) -> None:
    _, key = accounts.create_api_key(user=operator, name="k", scopes=["links:read"])
    with_key = APIClient(headers={"Authorization": f"Bearer {key}"})
    for client in (api(alice), with_key):
        assert "memory" not in client.get("/api/health").json()


@pytest.mark.django_db(transaction=True)
def test_a_wrong_token_is_no_reason_to_refuse(client: Client) -> None:
    for header in ("Bearer nonsense", "Bearer rp_aaaaaaaaaaaa_bbbb"):
        response = client.get("/api/health", headers={"Authorization": header})
        assert response.status_code == 200
        assert "memory" not in response.json()


def test_load_balancers_get_it_in_short(client: Client) -> None:
    with parts("well"):
        assert client.get("/health").json() == {"status": "healthy"}
    with parts("well", "broken_and_needed"):
        response = client.get("/health")
        assert (response.status_code, response.json()) == (503, {"status": "unhealthy"})


# --- parts that are away ---


def test_without_postgresql_it_is_unhealthy_and_says_so_at_once(
    client: Client, away: Callable[[], None]
) -> None:
    away()
    client.cookies["rallypoint_session"] = "a" * 32  # somebody whom only the database could name
    started = time.perf_counter()
    response = client.get("/api/health")
    assert time.perf_counter() - started < 1
    assert response.status_code == 503
    assert response.json()["status"] == "unhealthy"
    assert response.json()["database"] == {"connected": False}
    assert client.get("/api/health/live").status_code == 200


def test_without_redis_it_is_degraded_and_serves(client: Client, unused_tcp_port: int) -> None:
    nowhere = f"redis://127.0.0.1:{unused_tcp_port}/0"
    from django.conf import settings

    caches = {"default": {**settings.CACHES["default"], "LOCATION": nowhere}}
    lists = {name: path for name, path in OURS.items() if name != "database"}
    with override_settings(REDIS_URL=nowhere, CACHES=caches, HEALTH_CHECKS=lists):
        response = client.get("/api/health")
    assert response.status_code == 200
    assert response.json()["checks"] == {
        "cache": {"status": "degraded"},
        "workers": {"status": "degraded"},
    }


@pytest.mark.parametrize("age", [None, 31])
def test_workers_that_are_silent_degrade_it(client: Client, age: int | None) -> None:
    durable().delete(HEARTBEAT_KEY)
    if age is not None:
        durable().set(HEARTBEAT_KEY, time.time() - age)
    with override_settings(HEALTH_CHECKS={"workers": OURS["workers"]}):
        assert client.get("/api/health").json()["status"] == "degraded"


@pytest.mark.parametrize(
    ("names", "status", "code"),
    [
        (("well",), "healthy", 200),
        (("well", "broken"), "degraded", 200),
        (("well", "broken", "broken_and_needed"), "unhealthy", 503),
        (("silent",), "degraded", 200),
        (("silent_and_needed", "well"), "unavailable", 503),
        ((), "healthy", 200),
    ],
)
def test_the_whole_is_as_well_as_its_worst_part(
    client: Client, names: tuple[str, ...], status: str, code: int
) -> None:
    released.clear()
    with parts(*names):
        response = client.get("/api/health")
        released.set()
    assert (response.status_code, response.json()["status"]) == (code, status)
    assert "hunter2" not in response.content.decode()


def test_parts_that_hang_cost_their_limit_once_and_no_further_threads() -> None:
    before = set(threading.enumerate())
    released.clear()
    try:
        with parts("silent", "silent_and_needed", "well"):
            asking = runner.runner()
            started = time.perf_counter()
            first = asking.results()
            assert time.perf_counter() - started < 5  # they hang for ten
            asking._asked_at = float("-inf")  # a second has passed
            assert asking.results()["silent"] == first["silent"]
            new = set(threading.enumerate()) - before
            assert [one.name for one in new].count("health-silent") == 1
    finally:
        released.set()


def test_a_part_that_hangs_does_not_hold_the_process_back() -> None:
    program = """
import time
from monitoring.health.report import Check, Status
from monitoring.health.runner import Runner, check

@check(limit=0.1)
def hangs():
    time.sleep(60)

print(Runner({"hangs": hangs}).results()["hangs"].details["error"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "no answer within 0.1 s\n"


def test_within_a_second_nobody_is_asked_twice() -> None:
    asked.clear()
    with parts("counted"):
        for _ in range(5):
            runner.runner().results()
        assert len(asked) == 1
        runner.runner()._asked_at -= runner.KEEP_SECONDS
        runner.runner().results()
    assert len(asked) == 2


def test_the_worst_is_the_last_of_the_list() -> None:
    assert worst([]) == "healthy"
    assert worst([Status.UNHEALTHY, Status.DEGRADED]) == "unhealthy"
    assert worst([Status.UNHEALTHY, Status.UNAVAILABLE]) == "unavailable"


# --- probes ---


def test_live_asks_nobody(client: Client, away: Callable[[], None]) -> None:
    away()
    with parts("counted"):
        asked.clear()
        assert client.get("/api/health/live").json() == {"status": "live"}
    assert asked == []


@pytest.mark.django_db(transaction=True)
def test_ready_waits_for_the_database_once_and_then_outlives_it(
    client: Client, away: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_has_met_database", False)
    away()
    response = client.get("/api/health/ready")
    assert (response.status_code, response.json()) == (503, {"status": "starting"})
    monkeypatch.setattr(services, "_has_met_database", True)
    assert client.get("/api/health/ready").json() == {"status": "ready"}


@pytest.mark.django_db(transaction=True)
def test_meeting_the_database_makes_it_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_has_met_database", False)
    assert client.get("/api/health/ready").status_code == 200


def test_ready_ends_with_the_beginning_of_a_drain_and_live_does_not(client: Client) -> None:
    draining.begin()
    response = client.get("/api/health/ready")
    assert (response.status_code, response.json()) == (503, {"status": "draining"})
    assert client.get("/api/health/live").status_code == 200


# --- the command ---


@pytest.mark.django_db(transaction=True)
def test_the_command_tells_an_operator_everything(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("health", json=True)
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == "healthy"
    assert report["memory"]["total"] > 0


def test_the_command_exits_with_1_when_it_is_unhealthy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with parts("well", "broken_and_needed"), pytest.raises(SystemExit) as left:
        call_command("health")
    assert left.value.code == 1
    out = capsys.readouterr().out
    assert "Rallypoint 0.1.0 is unhealthy" in out
    assert "ValueError" in out
    assert "hunter2" not in out


def test_the_command_says_what_to_do_of_what_is_not_well_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = {
        "beat": "monitoring.health.background.check_beat",
        "disk": "monitoring.health.machine.check_disk",
    }
    with override_settings(HEALTH_CHECKS=checks):
        call_command("health")
    out = capsys.readouterr().out
    assert "Beat planned nothing for 30 s" in out
    assert "make room" not in out


def test_what_could_not_be_looked_at_is_not_said_to_have_passed_a_limit() -> None:
    def away() -> Check:
        raise OSError

    marked = runner.check(hint="Over 60 s.")(away)
    (found,) = runner.Runner({"lag": marked}).results().values()
    assert "mend `database`" in found.details["hint"]


@pytest.mark.django_db
def test_maintenance_is_in_the_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    notice.put(Notice(version=1, is_on=True))
    try:
        with parts("well"):
            call_command("health")
    finally:
        notice.forget()
    assert capsys.readouterr().out.splitlines()[0].endswith("is healthy; maintenance is on")


def test_every_check_says_what_to_do() -> None:
    for path in settings.HEALTH_CHECKS.values():
        assert import_string(path).terms.hint


def test_the_command_exits_with_0_when_it_is_degraded() -> None:
    with parts("broken"):
        call_command("health")


@pytest.mark.parametrize(("appendonly", "status"), [("yes", "healthy"), ("no", "degraded")])
def test_a_redis_that_forgets_degrades_it(
    client: Client, start_redis: StartRedis, appendonly: str, status: str
) -> None:
    listed = {"redis": "monitoring.health.services.check_redis"}
    with override_settings(REDIS_URL=start_redis(appendonly=appendonly), HEALTH_CHECKS=listed):
        assert client.get("/api/health").json()["checks"] == {"redis": {"status": status}}
