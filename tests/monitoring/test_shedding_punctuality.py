"""Fewer threads while the event loop comes late, all of them while it does not."""

from monitoring.shedding.punctuality import PunctualLimit


class Loop:
    """`late` seconds at each wake-up."""

    def __init__(self) -> None:
        self.late = self.now = 0.0
        self.limit = PunctualLimit(lambda: self.late, lowest=2, highest=8)

    def run(self, seconds: int, *, late: float) -> int:
        self.late = late
        for _ in range(10 * seconds):
            self.now += 0.1
            self.limit.look(self.now)
        return self.limit.limit


def test_a_loop_that_is_late_gets_fewer_threads_beside_it_but_never_none() -> None:
    loop = Loop()
    assert loop.run(2, late=0.02) < 8
    assert loop.run(20, late=0.02) == 2


def test_threads_that_only_wait_are_left_alone() -> None:
    """Slow statements keep them, but not the loop."""
    assert Loop().run(60, late=0.0005) == 8


def test_they_come_back_one_by_one_when_the_loop_is_on_time_again() -> None:
    loop = Loop()
    loop.run(20, late=0.02)
    assert 2 < loop.run(3, late=0.0) < 8
    assert loop.run(10, late=0.0) == 8


def test_seconds_in_which_nobody_came_count_as_well() -> None:
    loop = Loop()
    loop.run(20, late=0.02)
    loop.now += 60
    assert loop.run(1, late=0.0) == 8


def test_between_late_and_on_time_nothing_changes() -> None:
    loop = Loop()
    found = loop.run(2, late=0.02)
    assert loop.run(20, late=0.003) == found
