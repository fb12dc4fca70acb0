"""The breaker against a model that is too simple to be wrong: lists of what happened."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from monitoring.breakers import Breaker, BreakerOpenError, Limits, State

LIMITS = Limits(
    window=6, minimum=3, failure_rate=0.5, slow_rate=0.7, slow_seconds=2.0,
    open_seconds=5.0, probes=2, probe_seconds=20.0,
)  # fmt: skip


class Model:
    def __init__(self) -> None:
        self.state = State.CLOSED
        self.since = 0.0
        self.calls: list[tuple[bool, bool]] = []  # (failed, slow), since the state began
        self.probing: list[int] = []
        self.began = 0  # how many states have begun

    def begin(self, state: State, now: float) -> None:
        self.state, self.since, self.calls, self.probing = state, now, [], []
        self.began += 1

    def may_call(self, now: float, number: int) -> bool:
        if self.state is State.OPEN and now >= self.since + LIMITS.open_seconds:
            self.begin(State.HALF_OPEN, now)
        if self.state is State.HALF_OPEN:
            if self.used() >= LIMITS.probes and now >= self.since + LIMITS.probe_seconds:
                self.begin(State.HALF_OPEN, now)
            if self.used() >= LIMITS.probes:
                return False
            self.probing.append(number)
        return self.state is not State.OPEN

    def used(self) -> int:
        return len(self.probing) + len(self.calls)

    def end(self, now: float, number: int, *, failed: bool, slow: bool) -> None:
        self.calls.append((failed, slow))
        if self.state is State.HALF_OPEN:
            self.probing.remove(number)
            if failed or slow:
                self.begin(State.OPEN, now)
            elif len(self.calls) == LIMITS.probes:
                self.begin(State.CLOSED, now)
            return
        last = self.calls[-LIMITS.window :]
        failures, slows = (sum(call[i] for call in last) / len(last) for i in (0, 1))
        is_bad = failures >= LIMITS.failure_rate or slows >= LIMITS.slow_rate
        if len(last) >= LIMITS.minimum and is_bad:
            self.begin(State.OPEN, now)


class BreakerMachine(RuleBasedStateMachine):
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.breaker = Breaker("model", LIMITS, clock=lambda: self.now)
        self.model = Model()
        self.numbers = 0

    @rule(target=calls)
    def call(self) -> tuple[int, int, int] | None:
        self.numbers += 1
        expected = self.model.may_call(self.now, self.numbers)
        try:
            era = self.breaker.admit()
        except BreakerOpenError:
            assert not expected
            return None
        assert expected
        return era, self.numbers, self.model.began

    @rule(call=consumes(calls), failed=st.booleans(), seconds=st.sampled_from([0.1, 1.9, 2.0, 9.0]))
    def end(self, call: tuple[int, int, int] | None, failed: bool, seconds: float) -> None:
        if call is None:
            return
        era, number, began = call
        self.breaker.record(era, failed=failed, seconds=seconds)
        if began == self.model.began:
            self.model.end(self.now, number, failed=failed, slow=seconds >= LIMITS.slow_seconds)

    @rule(call=consumes(calls))
    def give_back(self, call: tuple[int, int, int] | None) -> None:
        if call is None:
            return
        era, number, began = call
        self.breaker.give_back(era)
        if began == self.model.began and number in self.model.probing:
            self.model.probing.remove(number)

    @rule(seconds=st.sampled_from([0.5, 4.5, 5.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def they_agree(self) -> None:
        assert self.breaker.state is self.model.state


BreakerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestBreakerMachine = BreakerMachine.TestCase
