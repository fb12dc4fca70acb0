"""The list of who is being limited: short, forgetful, and in nobody's way."""

import time

import pytest

from monitoring.limits import refusals
from monitoring.limits.refusals import REFUSED, Refusals, Refused, limited_now, tell
from monitoring.redis import durable

SOON = 60


def refused(caller: str, times: int = 1, wait: int = SOON) -> Refused:
    return Refused("general", caller, times, int(time.time()) + wait)


def test_refusals_of_one_caller_add_up_and_the_most_refused_is_first() -> None:
    tell(durable(), [refused("user 1"), refused("user 2", 5)])
    tell(durable(), [refused("user 1", 2)])
    assert [(one.caller, one.times) for one in limited_now(durable())] == [
        ("user 2", 5),
        ("user 1", 3),
    ]


def test_only_the_most_refused_are_kept() -> None:
    for start in range(0, 600, 100):
        tell(durable(), [refused(f"user {n}", n + 1) for n in range(start, start + 100)])
    found = limited_now(durable())
    assert len(found) == refusals.MOST
    assert found[0].times == 600
    assert durable().hlen(refusals.KEYS[1]) == refusals.MOST


def test_whose_window_has_ended_is_forgotten() -> None:
    tell(durable(), [refused("user 1", wait=-1), refused("user 2")])
    assert [one.caller for one in limited_now(durable())] == ["user 2"]
    tell(durable(), [refused("user 3")])
    assert durable().hlen(refusals.KEYS[1]) == 2
    assert 0 < durable().ttl(refusals.KEYS[0]) <= 86_400


def test_a_process_tells_once_a_second_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("monitoring.limits.refusals.time.monotonic", lambda: clock[0])
    before = REFUSED.labels("strict")._value.get()
    mine = Refusals()
    mine.note("strict", "203.0.113.9", SOON)
    assert [(one.caller, one.times) for one in mine.take()] == [("203.0.113.0/24", 1)]
    mine.note("strict", "203.0.113.9", SOON)
    mine.note("strict", "203.0.113.77", SOON, times=2)
    assert mine.take() == []
    clock[0] += 1.1
    assert [one.times for one in mine.take()] == [3]
    assert REFUSED.labels("strict")._value.get() == before + 4


def test_what_waits_to_be_told_is_bounded() -> None:
    mine = Refusals()
    for number in range(2_000):
        mine.note("strict", f"user {number}", SOON)
    assert len(mine.take()) == 500
