"""What is counted is right over several processes, and only for those who may see it."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from errno import ENOSPC
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.test import Client, override_settings
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from accounts.models import User
from monitoring import metrics, metrics_files

Api = Callable[..., APIClient]
STRANGER = "203.0.113.7"


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped() -> str:
    body, _ = metrics.exposition("")
    return body.decode()


def requests_counted(method: str, route: str, status: str) -> float:
    labels = (("method", method), ("route", route), ("status", status))
    return samples(scraped()).get(("rallypoint_http_requests_total", labels), 0.0)


def of_route(route: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """All samples of `route`, without its name and without the times at which they were made."""
    return {
        (name, tuple(label for label in labels if label[0] != "route")): value
        for (name, labels), value in samples(scraped()).items()
        if ("route", route) in labels and not name.endswith("_created")
    }


async def pass_through(route: str | None, status: int | None, method: str = "GET") -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        if route:
            metrics.name_route(dict(scope), route)  # layers may copy the scope
        if status is None:
            raise RuntimeError
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None: ...

    scope = {"type": "http", "method": method}
    await metrics.RequestMetrics(application)(scope, None, send)  # type: ignore[arg-type]
    await asyncio.sleep(0)  # until the turn of the loop ends


async def test_observations_handed_over_together_are_those_made_one_by_one() -> None:
    # On a bound, below the first, beyond the last, and many in one bucket.
    seconds = [0.001, 0.0, 0.0011, 11.0, 0.25] + [0.004] * 600
    together = metrics.Observations("GET", "/together", 3)
    for each in seconds:
        together.add(each)
        metrics.observe("GET", "/one-by-one", 302, each)
    await asyncio.sleep(0)
    assert of_route("/together") == pytest.approx(of_route("/one-by-one"))


async def test_a_request_is_counted_by_method_route_and_class_of_status() -> None:
    before = requests_counted("GET", "/a/{b}", "2xx")
    await pass_through("/a/{b}", 204)
    await pass_through("/a/{b}", 200)
    assert requests_counted("GET", "/a/{b}", "2xx") == before + 2


async def test_its_time_is_in_the_histogram() -> None:
    await pass_through("/timed", 200)
    found = samples(scraped())
    labels = (("method", "GET"), ("route", "/timed"))
    assert found["rallypoint_http_request_seconds_count", labels] == 1
    assert 0 < found["rallypoint_http_request_seconds_sum", labels] < 1


async def test_an_application_that_raises_has_answered_500() -> None:
    before = requests_counted("GET", "/raises", "5xx")
    with pytest.raises(RuntimeError):
        await pass_through("/raises", None)
    assert requests_counted("GET", "/raises", "5xx") == before + 1


async def test_what_a_caller_makes_up_makes_no_new_series() -> None:
    await pass_through(None, 404, method="BREW")
    assert requests_counted("OTHER", "unmatched", "4xx") >= 1
    assert "BREW" not in scraped()


async def test_what_is_no_request_is_not_counted() -> None:
    passed = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["type"])

    before = scraped()
    await metrics.RequestMetrics(application)({"type": "websocket"}, None, None)  # type: ignore[arg-type]
    assert passed == ["websocket"]
    assert scraped().count("rallypoint_http") == before.count("rallypoint_http")


def test_django_names_the_route_by_its_pattern(client: Client) -> None:
    scope: dict[str, Any] = {}
    client.get("/api/health/live", **{"asgi.scope": scope})
    assert scope["rallypoint"]["route"] == "/api/health/live"
    client.get("/api/health/metrics/1/2", **{"asgi.scope": scope})
    assert scope["rallypoint"]["route"] == "unmatched"


def test_an_announced_gauge_is_asked_at_each_scrape() -> None:
    values = iter([1.0, 2.0])
    metrics.gauge("rallypoint_test_lag", "How far behind.")(lambda: next(values))
    try:
        assert samples(scraped())["rallypoint_test_lag", ()] == 1
        assert samples(scraped())["rallypoint_test_lag", ()] == 2
        assert "rallypoint_test_lag" not in scraped()  # it fails now, and the rest still comes
        assert "rallypoint_http_requests" in scraped()
    finally:
        del metrics._gauges["rallypoint_test_lag"]


def test_a_gauge_may_have_labels() -> None:
    metrics.gauge("rallypoint_test_queue", "Waiting.", ("queue",))(lambda: {("a",): 1, ("b",): 2})
    try:
        found = samples(scraped())
        assert found["rallypoint_test_queue", (("queue", "b"),)] == 2
    finally:
        del metrics._gauges["rallypoint_test_queue"]


def test_totals_are_of_all_and_of_those_that_failed() -> None:
    requests, errors = metrics.totals()
    asyncio.run(pass_through("/one", 200))
    asyncio.run(pass_through("/two", 503))
    assert metrics.totals() == (requests + 2, errors + 1)


WORKER = """
import sys
from monitoring import metrics
for _ in range(int(sys.argv[1])):
    metrics.observe("GET", "/of-all", 200, 0.001)
"""
SCRAPER = "from monitoring import metrics; print(metrics.exposition('')[0].decode())"


def test_any_process_answers_for_all_and_for_those_that_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metrics_files.VARIABLE, "")
    metrics_files.prepare(tmp_path / "metrics")
    for count in ("2", "3"):
        subprocess.run([sys.executable, "-c", WORKER, count], check=True, env=os.environ)
    text = subprocess.run(
        [sys.executable, "-c", SCRAPER], check=True, capture_output=True, text=True, env=os.environ
    ).stdout
    labels = (("method", "GET"), ("route", "/of-all"), ("status", "2xx"))
    assert samples(text)["rallypoint_http_requests_total", labels] == 5


def counted_of_all() -> float:
    """What any process would tell a scraper of the counter of WORKER."""
    collected = metrics._OfAllProcesses(CollectorRegistry()).collect()
    return sum(
        sample.value
        for metric in collected
        for sample in metric.samples
        if sample.name == "rallypoint_http_requests_total"
    )


@pytest.fixture
def metrics_of_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Process ids of two workers that have ended, with 5 requests between them."""
    monkeypatch.setenv(metrics_files.VARIABLE, "")
    metrics_files.prepare(tmp_path)
    for count in ("2", "3"):
        subprocess.run([sys.executable, "-c", WORKER, count], check=True, env=os.environ)
    return [int(file.stem.partition("_")[2]) for file in tmp_path.glob("counter_*.db")]


def test_those_who_have_ended_have_one_file_of_each_kind(
    tmp_path: Path, metrics_of_two: list[int]
) -> None:
    for pid in metrics_of_two:
        metrics_files.forget(pid)
        assert counted_of_all() == 5
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {"counter_ended.db", "histogram_ended.db"}
    metrics_files.forget(metrics_of_two[0])  # said again, it is nothing new
    assert counted_of_all() == 5


def test_who_reads_while_a_worker_is_forgotten_counts_it_once(
    tmp_path: Path, metrics_of_two: list[int]
) -> None:
    first, found, is_over = metrics_of_two[0], set(), Event()

    def read() -> None:
        while not is_over.wait(0.001):
            found.add(counted_of_all())

    def forget_again_and_again() -> None:
        original = (tmp_path / f"counter_{first}.db").read_bytes()
        for _ in range(30):
            metrics_files.forget(first)
            with metrics_files._turn(tmp_path) as is_ours:  # as it was
                assert is_ours
                (tmp_path / "counter_ended.db").unlink()
                (tmp_path / f"counter_{first}.db").write_bytes(original)

    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read)
        try:
            forget_again_and_again()
        finally:
            is_over.set()
        reading.result()
    assert found == {5.0}


def test_a_worker_that_cannot_be_folded_stays_counted(
    metrics_of_two: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        metrics_files.forget(metrics_of_two[0])
    assert counted_of_all() == 5
    monkeypatch.setattr(metrics_files, "_TURN_WITHIN", 0.05)
    with metrics_files.reading():  # somebody does not come to an end
        metrics_files.forget(metrics_of_two[1])
    assert counted_of_all() == 5


def test_each_start_counts_from_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(metrics_files.VARIABLE, "")
    (tmp_path / "counter_1.db").write_bytes(b"old")
    (tmp_path / "notes.txt").write_text("not ours")
    metrics_files.prepare(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
    assert os.environ[metrics_files.VARIABLE] == str(tmp_path)


def test_counters_lie_in_memory_in_a_place_of_the_instances_own(tmp_path: Path) -> None:
    memory = tmp_path / "shm"
    memory.mkdir()
    place = metrics_files.place_for(tmp_path / "a", memory)
    assert place.parent == memory
    assert place.stat().st_mode & 0o777 == 0o700
    assert metrics_files.place_for(tmp_path / "a", memory) == place
    assert metrics_files.place_for(tmp_path / "b", memory) != place


def test_where_memory_is_no_place_counters_lie_with_the_data(tmp_path: Path) -> None:
    below_data = tmp_path / "a" / "metrics"
    assert metrics_files.place_for(tmp_path / "a", tmp_path / "nowhere") == below_data
    memory = tmp_path / "shm"
    memory.mkdir()
    place = metrics_files.place_for(tmp_path / "a", memory)
    place.rmdir()
    place.symlink_to(tmp_path)  # somebody laid a trap
    assert metrics_files.place_for(tmp_path / "a", memory) == below_data


def test_the_last_one_clears_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(metrics_files.VARIABLE, "")
    metrics_files.prepare(tmp_path / "metrics")
    (tmp_path / "metrics" / "counter_1.db").write_bytes(b"old")
    metrics_files.remove()
    assert not (tmp_path / "metrics").exists()


# --- who may see them ---


def scrape(client: Client, address: str = STRANGER, **headers: str) -> Any:
    return client.get("/api/health/metrics", headers=headers, REMOTE_ADDR=address)


def test_prometheus_gets_text_over_loopback(client: Client) -> None:
    response = scrape(client, "127.0.0.1", Accept="text/plain;version=0.0.4")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    samples(response.content.decode())


def test_openmetrics_is_given_when_it_is_asked_for(client: Client) -> None:
    response = scrape(client, "::1", Accept="application/openmetrics-text; version=1.0.0")
    assert response["Content-Type"].startswith("application/openmetrics-text")
    assert response.content.endswith(b"# EOF\n")


def test_a_stranger_is_refused(client: Client) -> None:
    response = scrape(client)
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_a_stranger_behind_a_proxy_of_this_machine_is_one(client: Client, header: str) -> None:
    assert scrape(client, "127.0.0.1", **{header: STRANGER}).status_code == 401


def test_the_token_opens_the_door_from_anywhere(client: Client) -> None:
    with override_settings(METRICS_TOKEN="a-long-token"):
        assert scrape(client, Authorization="Bearer a-long-token").status_code == 200
        assert scrape(client, Authorization="Bearer a-long-tokem").status_code == 401
        assert scrape(client, Authorization="Bearer é").status_code == 401
    assert scrape(client, Authorization="Bearer ").status_code == 401


@pytest.mark.django_db
def test_an_operator_may_see_them_and_alice_not(api: Api, alice: User, operator: User) -> None:
    assert scrape(api(operator)).status_code == 200
    assert scrape(api(alice)).status_code == 401


@pytest.mark.django_db
def test_metrics_of_the_database_layer_are_among_them() -> None:
    User.objects.count()
    assert re.search(r"^django_db_", scraped(), re.MULTILINE)
