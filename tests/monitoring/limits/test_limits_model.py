"""The limits against a model, in every order in which callers come, time passes, and Redis goes and
comes back."""

import asyncio
from collections import Counter
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.conf import settings as project
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from monitoring.limits import counting, limits
from monitoring.limits.limits import Asked, Limits
from monitoring.redis import evictable
from tests.gate import Gate

RATES = {"strict": "3/10s", "burst": "5/1s"}
MOST, SECONDS = {"strict": 3, "burst": 5}, {"strict": 10, "burst": 1}
PROCESSES = 2
CALLERS = st.sampled_from(["ada", "bob"])


class LimitsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1_700_000_000.0
        self.is_here = True
        # By caller, tier and the second in which the window ends.
        self.in_redis: Counter[tuple[str, str, int]] = Counter()
        self.in_memory: Counter[tuple[str, str, int]] = Counter()
        self.ends: dict[tuple[str, str], int] = {}
        evictable().flushdb()
        parts = urlsplit(project.CACHE_URL)
        login = f":{parts.password}@" if parts.password else ""
        self.gate = Gate(str(parts.hostname), str(parts.port or 6379))
        url = f"redis://{login}127.0.0.1:{self.gate.port}{parts.path}"
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(counting, "KNOCK_AFTER", 0.0)
        # Here Redis is away when the model says so, not when the machine is busy.
        self.patch.setattr(counting, "TIMEOUT", 30)
        clock = SimpleNamespace(time=lambda: self.now, monotonic=lambda: self.now)
        for module in (limits, counting):
            self.patch.setattr(module, "time", clock)
        self.limits = Limits(url, RATES, processes=PROCESSES)
        self.loop = asyncio.new_event_loop()

    def teardown(self) -> None:
        self.loop.run_until_complete(self.limits.close())
        self.loop.close()
        self.gate.shut()
        self.patch.undo()

    @rule(caller=CALLERS, tier=st.sampled_from(sorted(RATES)), by=st.integers(0, 3))
    def ask(self, caller: str, tier: str, by: int) -> None:
        (usage,) = self.loop.run_until_complete(self.limits.count(Asked(tier, caller, by)))
        assert usage
        window = (caller, tier, self._window(caller, tier, usage.wait))
        counted = self.in_redis if self.is_here else self.in_memory
        counted[window] += by
        used = counted[window]
        if not self.is_here and used:
            used = 1 + (used - 1) * PROCESSES
        assert usage.used == used
        assert usage.is_over == (used > MOST[tier])
        assert usage.remaining == max(0, MOST[tier] - used)

    def _window(self, caller: str, tier: str, wait: int) -> int:
        """It lasts until it ends, and the next one is as long."""
        second, told = int(self.now), int(self.now) + wait
        last = self.ends.setdefault((caller, tier), told)
        assert second < told <= second + SECONDS[tier]
        assert (told - last) % SECONDS[tier] == 0
        assert told == last or last <= second
        self.ends[caller, tier] = told
        return told

    @rule(seconds=st.floats(0.1, 25))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.is_here)
    @rule()
    def redis_goes(self) -> None:
        """And somebody notices: a connection that has broken meanwhile costs one answer."""
        self.gate.shut()
        self.is_here = False
        self.ask("nobody", "strict", 0)

    @precondition(lambda self: not self.is_here)
    @rule()
    def redis_comes(self) -> None:
        self.gate.open()
        self.is_here = True


LimitsMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestLimits = LimitsMachine.TestCase
