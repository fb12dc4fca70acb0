"""A campaign from its first fault to its verdict."""

import json
import platform
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.background import Background
from tests.chaos.campaign.checker import Violation, check
from tests.chaos.campaign.gates import Gates
from tests.chaos.campaign.nemesis import Field, Planned, carry_out
from tests.chaos.campaign.workload import Receiver, Workload
from tests.stack import Stack, wait_until

RECOVERED_WITHIN = 30.0
QUIET_WITHIN = 120.0
AVAILABILITY = 0.999


@dataclass
class Verdict:
    seed: int
    mutation: str = ""
    faults: list[dict[str, Any]] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.violations

    def as_json(self) -> str:
        told = vars(self) | {
            "passed": self.passed,
            "violations": [one._asdict() for one in self.violations],
            "machine": {"python": platform.python_version(), "system": platform.platform()},
        }
        return json.dumps(told, indent=1, default=str)


class Campaign:
    """Over a stack of its own in `directory`, whose processes reach their stores through gates."""

    def __init__(
        self, directory: Path, seed: int, *, mutation: str = "", quiet: float = QUIET_WITHIN
    ) -> None:
        self._quiet = quiet
        self.verdict = Verdict(seed, mutation)
        self._directory = directory
        self._open = ExitStack()

    def run(self, faults: list[Planned], say: Callable[[str], object] = print) -> Verdict:
        with self._open:
            self._build()
            for number, fault in enumerate(faults, 1):
                recovered = self._suffer(fault)
                say(f"{number:>4}/{len(faults)}  {fault.name:<22} {fault.seconds:4.1f} s, "
                    f"well again after {recovered:4.1f} s")  # fmt: skip
            self._end()
        return self.verdict

    def _build(self) -> None:
        seed = self.verdict.seed
        self.stack = self._open.enter_context(Stack(self._directory, LOG_LEVEL="ERROR"))
        self._straight = self.stack.env["DATABASE_URL"]
        receiver = self._open.enter_context(Receiver(seed))
        gates = self._open.enter_context(Gates(self.stack))
        self.stack.stop_web()
        self.stack.env |= gates.urls | {
            "CAMPAIGN_RECEIVER": str(receiver.server_port),
            "CAMPAIGN_MUTATION": self.verdict.mutation,
        }
        self.stack.start_web()
        app = "tests.chaos.campaign.worker"
        background = self._open.enter_context(Background(self.stack, processes=2, app=app))
        self.field = Field(self.stack, background, gates)
        self.workload = self._open.enter_context(Workload(self.stack, seed, receiver))
        wait_until(self._is_well, seconds=60)

    def _suffer(self, fault: Planned) -> float:
        """Seconds from its end until everything is well again."""
        carry_out(fault, self.field)
        mended = time.monotonic()
        with suppress(AssertionError):
            wait_until(self._is_well, seconds=2 * RECOVERED_WITHIN)
        recovered = time.monotonic() - mended
        if recovered > RECOVERED_WITHIN:
            said = f"{recovered:.0f} s: {self._health()}"
            self.verdict.violations.append(Violation("recovery within 30 s", fault.name, said))
        self.verdict.faults.append(
            {
                "fault": fault.name,
                "seconds": round(fault.seconds, 2),
                "recovered": round(recovered, 2),
            }
        )
        return recovered

    def _is_well(self) -> bool:
        """Redirects, writes and every part that is watched; messages are in the health of rooms."""
        url, headers = self.stack.url, {"Connection": "close"}
        try:
            health = requests.get(f"{url}/api/health", headers=headers, timeout=5)
            made = self.stack.api.post(
                f"{url}/api/links", json={"url": "https://example.com/"}, headers=headers, timeout=5
            )
        except requests.RequestException:
            return False
        return (
            health.json()["status"] == "healthy"
            and made.status_code == 201
            and len(self.stack.web_workers()) == 2
        )

    def _health(self) -> str:
        try:
            said = requests.get(f"{self.stack.url}/api/health", timeout=5).json()
        except requests.RequestException as error:
            return type(error).__name__
        return str({name: one["status"] for name, one in said["checks"].items()})

    def _end(self) -> None:
        self.workload.rest()
        try:
            wait_until(self._is_quiet, seconds=self._quiet)
        except AssertionError:
            said = str(self.stack.reconcile())[:500]
            self.verdict.violations.append(Violation("everything comes to rest", "", said))
        self.verdict.violations += check(self.workload, self._straight)
        notes = self.workload.notes
        self.verdict.figures = {
            "clicks": notes.clicks.total(),
            "unanswered": dict(notes.refused),
            "availability": round(notes.availability, 6),
            "completions": len(notes.paid),
            "messages": len(notes.acknowledged),
            "deliveries": sum(count > 0 for count in notes.delivered.values()),
            "longestRecovery": max((one["recovered"] for one in self.verdict.faults), default=0),
        }
        if notes.availability < AVAILABILITY:
            share = f"{notes.availability:.3%}: {dict(notes.refused)}"
            self.verdict.violations.append(Violation("99.9 % of redirects", "", share))

    def _is_quiet(self) -> bool:
        """Deliveries may wait for their next try: who receives them is at fault now and then."""
        heard = all(
            len(one.heard)
            == max(len(other.heard) for other in self.workload.talkers if other.room == one.room)
            for one in self.workload.talkers
        )
        is_drained = not list(self.stack.spool_files()) and not self.stack.reconcile()["waiting"]
        return heard and is_drained
