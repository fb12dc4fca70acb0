"""The limit follows how long answers take."""

import pytest

from monitoring.shedding.gradient import GradientLimit


class Service:
    """Answers `seconds` long; up to `good_for` at once, then each takes the others' time too."""

    def __init__(self, good_for: int, *, lowest: int = 4) -> None:
        self.limit = GradientLimit(lowest=lowest, highest=32)
        self.good_for = good_for
        self.now = 0.0

    def run(self, windows: int, *, seconds: float = 0.02, in_flight: int | None = None) -> int:
        """For so many windows of a second as busy as it may be."""
        for _ in range(windows):
            busy = self.limit.limit if in_flight is None else in_flight
            for _ in range(20):
                took = seconds * max(1.0, busy / self.good_for)
                self.now += 0.06
                self.limit.observe(took, in_flight=busy, now=self.now)
        return self.limit.limit


def test_it_begins_at_the_most_and_stays_there_while_answers_are_as_fast_as_ever() -> None:
    assert Service(good_for=32).run(30) == 32


def test_answers_that_take_longer_than_usual_lower_it() -> None:
    service = Service(good_for=32)
    service.run(30)
    service.good_for = 8
    assert min(service.run(1) for _ in range(20)) < 24


def test_it_has_a_lowest() -> None:
    service = Service(good_for=32, lowest=28)
    service.run(30)
    assert service.run(20, seconds=1.0) == 28


def test_it_rises_again_when_answers_are_fast_again() -> None:
    service = Service(good_for=32)
    service.run(30)
    assert service.run(20, seconds=0.5) < 16
    assert service.run(40) == 32


def test_nothing_is_learnt_while_there_is_little_to_do() -> None:
    service = Service(good_for=32)
    service.run(30)
    service.run(1, in_flight=3)
    assert service.run(20, seconds=1.0, in_flight=3) == 32


@pytest.mark.parametrize("count", [1, 9])
def test_a_few_answers_say_nothing(count: int) -> None:
    limit = GradientLimit(lowest=4, highest=8)
    changed = [limit.observe(9.0, in_flight=8, now=100.0) for _ in range(count)]
    assert not any(changed)
