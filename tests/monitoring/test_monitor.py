"""`manage.py monitor` needs nothing of an instance but its answers."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from monitoring.performance.figures import figures
from monitoring.performance.screen import colours, plain, screen
from monitoring.performance.snapshots import Change, snapshot
from tests.sites import Site, answer, started_sites

WELL = {"status": "healthy", "version": "0.1.0", "checks": {"database": {"status": "healthy"}}}


@pytest.fixture
def start_site() -> Iterator[Callable[..., Site]]:
    yield from started_sites()


def metrics(served: int) -> str:
    registry = CollectorRegistry()
    labels = ["method", "route", "status"]
    Counter("rallypoint_http_requests", "-", labels, registry=registry).labels(
        "GET", "/api/quests", "2xx"
    ).inc(served)
    seconds = Histogram(
        "rallypoint_http_request_seconds", "-", ["method", "route"], registry=registry
    )
    for _ in range(served):
        seconds.labels("GET", "/api/quests").observe(0.02)
    worker = Gauge("rallypoint_worker", "-", ["worker", "measure"], registry=registry)
    worker.labels("1", "memory_bytes").set(150 * 1024**2)
    Gauge("rallypoint_click_spool_bytes", "-", registry=registry).set(2048)
    return generate_latest(registry).decode()


def instance(start_site: Callable[..., Site], health: Any = WELL, status: str = "200 OK") -> Site:
    said = json.dumps(health).encode()
    looks = [
        handler
        for served in (100, 150)
        for handler in (answer(metrics(served).encode()), answer(said, status=status))
    ]
    return start_site(*looks)


def monitored(site: Site, capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    options = {"url": f"http://127.0.0.1:{site.port}", "interval": 0.1, **options}
    call_command("monitor", once=True, **options)
    return capsys.readouterr().out


def test_it_shows_what_happened_between_two_looks(
    start_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]
) -> None:
    out = monitored(instance(start_site), capsys)
    assert "Rallypoint 0.1.0  healthy" in out
    assert re.search(r"GET /api/quests +[\d,.]+ +17\.5ms", out)
    assert "150 MiB" in out
    assert "! spool: 2048 bytes (threshold 0)\n  Clicks lie on disk" in out
    assert max(map(len, out.splitlines())) <= 100
    assert "\x1b" not in out


def test_scripts_get_json(
    start_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(monitored(instance(start_site), capsys, json=True))
    assert found["requests"]["count"] == 50
    assert found["health"]["status"] == "healthy"
    assert found["recommendations"][0]["code"] == "clicks_spooled"


def test_an_instance_without_its_database_is_shown_and_exits_with_1(
    start_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]
) -> None:
    away = {**WELL, "status": "unhealthy", "checks": {"database": {"status": "unhealthy"}}}
    site = instance(start_site, away, "503 Service Unavailable")
    with pytest.raises(SystemExit) as left:
        monitored(site, capsys)
    assert left.value.code == 1
    assert "database unhealthy" in capsys.readouterr().out


def test_while_nobody_answers_the_parts_are_asked_from_here(
    unused_tcp_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    well = {"disk": "monitoring.health.machine.check_disk"}
    with override_settings(HEALTH_CHECKS=well), pytest.raises(SystemExit):
        call_command("monitor", once=True, interval=0.1, url=f"http://127.0.0.1:{unused_tcp_port}")
    out = capsys.readouterr().out
    assert "does not answer" in out
    assert "disk healthy" in out


def test_what_is_no_instance_is_said_without_a_traceback(
    start_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]
) -> None:
    site = start_site(answer(b"", status="401 Unauthorized"))
    with override_settings(HEALTH_CHECKS={}), pytest.raises(SystemExit):
        monitored(site, capsys)
    assert "wants the METRICS_TOKEN" in capsys.readouterr().out


def test_an_interval_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(CommandError):
        call_command("monitor", interval=0)


def test_the_token_is_sent_with_the_metrics_only(
    start_site: Callable[..., Site], capsys: pytest.CaptureFixture[str]
) -> None:
    site = instance(start_site)
    with override_settings(METRICS_TOKEN="a-long-token"):
        monitored(site, capsys)
    sent = [b"Bearer a-long-token" in request for request in site.requests]
    assert sent == [True, False, True, False]


def test_an_instance_that_did_nothing_has_a_screen_too() -> None:
    empty = snapshot((), 0)
    found = figures(Change(empty, empty))
    assert "0.0/s" in "\n".join(screen(found, {}, [], plain))
    assert "\x1b[31munavailable" in "\n".join(screen(found, {}, [], colours))
