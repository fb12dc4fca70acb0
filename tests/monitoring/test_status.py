"""The public page shows how it was, day by day, also while PostgreSQL is away."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client, override_settings

from monitoring.health.report import Check, Status
from monitoring.models import StatusDay
from monitoring.status.components import component_states
from monitoring.status.days import DAYS, Minutes, components, uptime
from monitoring.status.history import MOST_WAITING, Recorder

NOON = datetime(2031, 5, 1, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WELL, LIMITED, DOWN = Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY
DISK = {"disk": "monitoring.health.machine.check_disk"}


class Outage:
    """Between `begin` and `end`, PostgreSQL is where nobody listens."""

    def __init__(self, port: int) -> None:
        self._there = connection.settings_dict["HOST"], connection.settings_dict["PORT"]
        self._nowhere = "127.0.0.1", str(port)

    def begin(self) -> None:
        self._go(*self._nowhere)

    def end(self) -> None:
        self._go(*self._there)

    def _go(self, host: str, port: str) -> None:
        connection.close()
        connection.settings_dict.update(HOST=host, PORT=port)


@pytest.fixture
def outage(transactional_db: None, unused_tcp_port: int) -> Iterator[Outage]:
    made = Outage(unused_tcp_port)
    yield made
    made.end()


def counts(component: str = "Links") -> list[tuple[date, int, int, int]]:
    found = StatusDay.objects.filter(component=component).order_by("day")
    return [(row.day, row.healthy, row.degraded, row.down) for row in found]


def test_a_component_is_as_well_as_its_worst_check() -> None:
    results = {"a": Check(WELL), "b": Check(LIMITED)}
    listed = {"One": ["a"], "Two": ["a", "b"], "Three": ["not checked here"]}
    with override_settings(STATUS_COMPONENTS=listed):
        assert component_states(results) == {"One": WELL, "Two": LIMITED, "Three": WELL}


# --- recording ---


@pytest.mark.django_db
def test_minutes_are_counted_by_day_and_state() -> None:
    recorder = Recorder()
    for minutes, status in enumerate([WELL, WELL, LIMITED, DOWN, Status.UNAVAILABLE]):
        recorder.record(NOON + minutes * MINUTE, {"Links": status})
    recorder.record(NOON + timedelta(days=1), {"Links": WELL})
    assert counts() == [(date(2031, 5, 1), 2, 1, 2), (date(2031, 5, 2), 1, 0, 0)]


@pytest.mark.django_db
def test_a_minute_counts_once_whoever_samples_it() -> None:
    for recorder in (Recorder(), Recorder(), Recorder()):
        recorder.record(NOON, {"Links": WELL})
        recorder.record(NOON + timedelta(seconds=10), {"Links": WELL})
    assert counts() == [(NOON.date(), 1, 0, 0)]


@pytest.mark.django_db
def test_an_old_day_goes_and_the_table_stays_small() -> None:
    Recorder().record(NOON - timedelta(days=DAYS), {"Links": WELL})
    Recorder().record(NOON - timedelta(days=DAYS - 1), {"Links": WELL})
    Recorder().record(NOON, {"Links": WELL})
    assert [day for day, *_ in counts()] == [NOON.date() - timedelta(days=DAYS - 1), NOON.date()]


def test_an_outage_of_the_database_is_written_down_when_it_is_over(
    outage: Outage,
) -> None:
    recorders = Recorder(), Recorder()
    for recorder in recorders:
        recorder.record(NOON, {"Links": WELL})
    outage.begin()
    for minutes in (1, 2, 3):
        for recorder in recorders:
            recorder.record(NOON + minutes * MINUTE, {"Links": DOWN})
    outage.end()
    for recorder in recorders:
        recorder.record(NOON + 4 * MINUTE, {"Links": WELL})
    assert counts() == [(NOON.date(), 2, 0, 3)]


@pytest.mark.django_db
def test_a_fault_of_ours_is_no_outage_and_not_silent() -> None:
    with pytest.raises(DatabaseError):
        Recorder().record(NOON, {"a name that is too long " * 9: WELL})


def test_what_waits_for_the_database_is_bounded(outage: Outage) -> None:
    recorder = Recorder()
    recorder._waiting.extend([None] * MOST_WAITING)  # type: ignore[list-item]
    outage.begin()
    recorder.record(NOON, {"Links": DOWN})
    assert len(recorder._waiting) == MOST_WAITING


# --- days ---


def row(day: date, **minutes: int) -> StatusDay:
    return StatusDay(component="Links", day=day, **minutes)


def test_each_of_the_last_days_has_a_bar() -> None:
    today = NOON.date()
    rows = [
        row(today, healthy=700, down=1),
        row(today - timedelta(days=1), healthy=1434, degraded=6),
        row(today - timedelta(days=2), healthy=1435, degraded=5),
    ]
    (found,) = components({"Links": WELL}, rows, today)
    assert len(found.days) == DAYS
    assert [day.level for day in found.days[-4:]] == ["unknown", "good", "degraded", "down"]
    assert found.days[-1].told == "1 May 2031: 99.85 % up, 1 min down, 0 min degraded"
    assert found.days[0].told.endswith("not observed")


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "not observed yet"),
        (7, "100 % up in the 7 min observed so far"),
        (150, "100 % up in the 2 h observed so far"),
        (1_440, "100 % up"),
    ],
)
def test_of_little_time_it_says_how_little(minutes: int, said: str) -> None:
    today = NOON.date()
    (found,) = components({"Links": WELL}, [row(today, healthy=minutes)], today)
    assert found.uptime == said


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (Minutes(), "not observed yet"),
        (Minutes(healthy=1440), "100 % up"),
        (Minutes(healthy=129_599, down=1), "99.99 % up"),
        (Minutes(degraded=1, down=1), "50 % up"),
    ],
)
def test_a_lost_minute_is_never_100_percent(minutes: Minutes, said: str) -> None:
    assert uptime(minutes) == said


# --- the page ---


@pytest.mark.django_db(transaction=True)
def test_anybody_sees_the_page(client: Client) -> None:
    today = datetime.now(UTC)
    Recorder().record(today, {"Disk & memory": WELL})
    listed = {"Disk & memory": ["disk"]}
    with override_settings(HEALTH_CHECKS=DISK, STATUS_COMPONENTS=listed):
        answer = client.get("/status")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Everything works." in page
    assert "Disk &amp; memory" in page
    assert page.count('<li class="day ') == DAYS
    assert page.count("day--good") == 1
    assert "style=" not in page  # our policy would refuse it
    assert "<script>" not in page


def test_without_postgresql_it_says_so_and_is_there(client: Client, outage: Outage) -> None:
    client.cookies["rallypoint_session"] = "a" * 32
    outage.begin()
    checks = {"database": "monitoring.health.services.check_database"}
    with override_settings(HEALTH_CHECKS=checks, STATUS_COMPONENTS={"Website": ["database"]}):
        answer = client.get("/status")
    assert answer.status_code == 200
    assert "A part of the service is down." in answer.content.decode()
    assert "cannot be read" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_every_component_names_checks_that_there_are(settings: Any) -> None:
    named = {name for names in settings.STATUS_COMPONENTS.values() for name in names}
    assert named <= set(settings.HEALTH_CHECKS)
