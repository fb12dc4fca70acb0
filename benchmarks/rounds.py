"""Sides that are asked in turn: what the machine does to one of them it does to the others."""

from collections.abc import Mapping
from typing import Protocol

from benchmarks.load import Load, load
from benchmarks.machine import say
from benchmarks.plan import Plan

_WARM_UP = 2.0


class Asked(Protocol):
    def load(self, seconds: float) -> Load: ...


def flawless(url: str, seconds: float, headers: Mapping[str, str]) -> Load:
    """SystemExit when anything but good answers came."""
    seen = load(url, seconds, headers=headers)
    if seen.errors or not seen.requests:
        raise SystemExit(f"{url}: {seen.errors} errors in {seen.requests} answers")
    return seen


def in_turn(benchmark: str, sides: Mapping[str, Asked], plan: Plan) -> dict[str, list[Load]]:
    for side in sides.values():
        side.load(min(_WARM_UP, plan.seconds))
    measured: dict[str, list[Load]] = {name: [] for name in sides}
    for number in range(1, plan.rounds + 1):
        for name, side in sides.items():
            measured[name].append(side.load(plan.seconds))
        rates = ", ".join(f"{name} {loads[-1].rate:,.0f}/s" for name, loads in measured.items())
        say(f"{benchmark}: round {number} of {plan.rounds}: {rates}")
    return measured
