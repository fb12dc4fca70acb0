"""Racing processes: together they let through exactly as many as the tier allows."""

import asyncio
import subprocess
import sys
from contextlib import ExitStack

import pytest
from django.conf import settings

from monitoring.limits import counting
from monitoring.limits.limits import Asked, Limits

PROCESSES, TIMES, LIMIT = 8, 200, 300


def race(rate: str) -> list[int]:
    """How often each process passed; they begin together."""
    command = [sys.executable, "-m", "tests.monitoring.limits.racer", rate, str(TIMES)]
    with ExitStack() as running:
        racers = [
            running.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(PROCESSES)
        ]
        for racer in racers:
            assert racer.stdout
            assert racer.stdout.readline() == "ready\n"
        return [int(racer.communicate("ada bob\n", timeout=120)[0]) for racer in racers]


async def test_eight_processes_let_exactly_the_limit_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By threads and event loops at once, two callers whose windows begin at different moments."""
    rate = f"{LIMIT}/1d"
    passed = await asyncio.to_thread(race, rate)
    assert sum(passed) == 2 * LIMIT
    monkeypatch.setattr(counting, "TIMEOUT", 30)  # as in the racers
    # Every one of them was counted, also those that were refused.
    limits = Limits(settings.CACHE_URL, {"general": rate})
    found = await limits.count(Asked("general", "ada", 0), Asked("general", "bob", 0))
    await limits.close()
    assert [usage.used for usage in found if usage] == [PROCESSES * TIMES // 2] * 2
