"""What is said of a campaign: to people as a table, to programs as JSON."""

import json
import os
import platform
import subprocess
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import psycopg

from benchmarks import PROJECT
from tests.chaos.campaign.checker import Violation
from tests.chaos.campaign.notes import Notes

_PACKAGES = ("django", "gunicorn", "celery", "redis", "psycopg", "channels")
_SHOWN = 20


@dataclass
class Verdict:
    seed: int
    mutation: str = ""
    overlap: int = 1
    # Each step: its faults, what they did, and when all was well again.
    schedule: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    equations: dict[str, Any] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.violations

    @property
    def laws(self) -> set[str]:
        """Those that were broken."""
        return {violation.law for violation in self.violations}

    def as_json(self) -> str:
        told = {
            "passed": self.passed,
            **vars(self),
            "violations": [one._asdict() for one in self.violations],
            "machine": _machine(),
        }
        return json.dumps(told, indent=1, default=str)

    def as_table(self) -> str:
        lines = [f"{name:<24} {figure}" for name, figure in self.figures.items()]
        lines += [
            f"VIOLATED  {one.law}: {one.subject} {one.evidence[:300]}"
            for one in self.violations[:_SHOWN]
        ]
        if len(self.violations) > _SHOWN:
            lines.append(f"and {len(self.violations) - _SHOWN} more")
        lines.append("PASSED" if self.passed else f"FAILED: {', '.join(sorted(self.laws))}")
        return "\n".join(lines)


def figures_of(notes: Notes, schedule: list[dict[str, Any]]) -> dict[str, Any]:
    refused: dict[str, dict[str, int]] = {}
    for (fault, why), count in notes.refused.items():
        refused.setdefault(fault or "nothing", {})[why] = count
    return {
        "faults": sum(len(step["faults"]) for step in schedule),
        "clicks": notes.seen.total(),
        "unanswered": notes.unknown.total(),
        "availability": round(notes.availability, 6),
        "availabilityInTwoTries": round(notes.availability_in_two, 6),
        "refusedDuring": refused,
        "completions": len(notes.paid),
        "messages": len(notes.acknowledged),
        "events": len(notes.events),
        "eventsTwice": sum(count > 1 for count in notes.events.values()),
        "longestRecovery": max((step["recovered"] for step in schedule), default=0),
    }


def versions_of(database: psycopg.Connection[Any], redis: str) -> dict[str, str]:
    ((postgresql,),) = database.execute("SHOW server_version").fetchall()
    asked = ["git", "rev-parse", "--short", "HEAD"]
    said = subprocess.run(
        asked, cwd=PROJECT, capture_output=True, text=True, timeout=10, check=False
    )
    packages = {name: version(name) for name in _PACKAGES}
    return {
        "rallypoint": said.stdout.strip(),
        "python": platform.python_version(),
        "postgresql": postgresql,
        "redis": redis,
        **packages,
    }


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "memoryMb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2,
        "load": [round(one, 2) for one in os.getloadavg()],
    }
