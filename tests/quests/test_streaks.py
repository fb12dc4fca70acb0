"""A streak counts the days of the player's own calendar."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import User
from quests.models import Evidence, Player
from quests.requirements.streak import best_streak
from tests.quests.conftest import MakeQuest

Api = Callable[..., APIClient]


def streak(days: int, grace: int = 1) -> dict[str, Any]:
    return {
        "id": "daily",
        "kind": "streak",
        "title": "Come every day",
        "config": {"days": days, "graceDays": grace},
    }


@pytest.fixture
def check_in(
    alice: User, api: Api, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int, datetime], bool]:
    """Alice checks in at a moment; gives whether she can complete the quest then."""

    def check(number: int, at: datetime) -> bool:
        monkeypatch.setattr("django.utils.timezone.now", lambda: at.astimezone(UTC))
        client = api(alice)
        sent = client.put(f"/api/progress/update/{number}", {"stepId": "daily", "answer": "here"})
        assert sent.status_code == 200, sent.content
        return bool(client.get(f"/api/progress/verify/{number}").json()["canComplete"])

    return check


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "first_day"),
    [
        ("Europe/Berlin", date(2031, 3, 28)),  # 30 March has 23 hours
        ("Europe/Berlin", date(2031, 10, 24)),  # 26 October has 25
        ("America/New_York", date(2031, 3, 7)),
        ("Pacific/Kiritimati", date(2031, 5, 1)),  # UTC+14
        ("Pacific/Pago_Pago", date(2031, 5, 1)),  # UTC-11
        ("Pacific/Apia", date(2031, 5, 1)),
        ("Asia/Kathmandu", date(2031, 5, 1)),  # UTC+5:45
    ],
)
@pytest.mark.parametrize("clock", [(0, 0, 30), (12, 0, 0), (23, 59, 30)])
def test_days_are_the_calendar_days_of_her_zone(
    alice: User,
    make_quest: MakeQuest,
    check_in: Callable[[int, datetime], bool],
    zone: str,
    first_day: date,
    clock: tuple[int, int, int],
) -> None:
    Player.objects.create(user=alice, time_zone=zone)
    number = make_quest(streak(days=4, grace=0)).number
    days = [first_day + timedelta(days=day) for day in range(4)]

    outcomes = [
        check_in(number, datetime(day.year, day.month, day.day, *clock, tzinfo=ZoneInfo(zone)))
        for day in days
    ]

    assert outcomes == [False, False, False, True]
    seen = Evidence.objects.order_by("pk").values_list("source_id", flat=True)
    assert list(seen) == [day.isoformat() for day in days]


@pytest.mark.django_db
def test_two_check_ins_on_one_of_her_days_count_once_though_utc_has_two(
    alice: User, make_quest: MakeQuest, check_in: Callable[[int, datetime], bool]
) -> None:
    Player.objects.create(user=alice, time_zone="Pacific/Kiritimati")
    number = make_quest(streak(days=2)).number

    assert not check_in(number, datetime(2031, 5, 1, 23, 0, tzinfo=UTC))
    assert not check_in(number, datetime(2031, 5, 2, 1, 0, tzinfo=UTC))
    assert Evidence.objects.get().source_id == "2031-05-02"


@pytest.mark.django_db
def test_one_missed_day_is_forgiven_and_a_second_one_is_not(
    alice: User, make_quest: MakeQuest, check_in: Callable[[int, datetime], bool]
) -> None:
    number = make_quest(streak(days=4)).number

    def on(day: int) -> bool:
        return check_in(number, datetime(2031, 5, day, 12, tzinfo=UTC))

    assert [on(day) for day in (1, 2, 4)] == [False, False, False]
    assert on(6) is False  # the 5th is the second missed day: the run is now 4, 6
    assert [on(day) for day in (7, 8)] == [False, True]


def days_of(*numbers: int) -> list[date]:
    return [date(2031, 1, 1) + timedelta(days=number) for number in numbers]


@pytest.mark.parametrize(
    ("days", "grace", "needed", "expected"),
    [
        ((0, 1, 2), 0, 3, (0, 1, 2)),
        ((0, 2, 3), 1, 3, (0, 2, 3)),
        ((0, 2, 4), 1, 3, (2, 4)),
        ((0, 3), 1, 2, (3,)),
        ((0, 3), 2, 2, (0, 3)),
        ((0, 1, 2, 9), 0, 3, (0, 1, 2)),
        ((), 1, 2, ()),
    ],
)
def test_the_best_run_is_found(
    days: tuple[int, ...], grace: int, needed: int, expected: tuple[int, ...]
) -> None:
    assert best_streak(days_of(*days), grace, needed) == days_of(*expected)


@given(st.sets(st.integers(0, 40)), st.integers(0, 3), st.integers(2, 8))
def test_a_run_is_found_exactly_when_there_is_one(
    numbers: set[int], grace: int, needed: int
) -> None:
    days = days_of(*sorted(numbers))
    exists = any(
        (days[start + needed - 1] - days[start]).days + 1 - needed <= grace
        for start in range(len(days) - needed + 1)
    )

    assert (len(best_streak(days, grace, needed)) >= needed) == exists
