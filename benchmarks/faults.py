"""What is promised of faults, judged by a campaign over real processes: `python -m
tests.chaos.campaign`, with a seed that nobody chose. Each campaign has servers of its own.

What it finds is no speed, but one number each that `make bench` shows beside the others.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import PROJECT
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.stores import Stores

_RECOVERED_S = 30
_FAILED = 0.1  # %
# Its own servers, and an instance like any other.
_NOT_INHERITED = {"DATABASE_URL", "REDIS_URL", "CACHE_URL", "SECRET_KEY", "VAR_DIR"}


def kills(_: Stores, plan: Plan) -> Result:
    """kill -9 of whatever there is to kill."""
    verdict = _campaign("kills", plan.kills)
    result = _result("kills", f"{plan.kills} random kill -9 over mixed work", verdict)
    failed = 100 * (1 - verdict["figures"]["availability"])
    result.targets.append(
        Target("redirects that failed at the first try", failed, _FAILED, "%", at_least=False)
    )
    return result


def reloads(_: Stores, plan: Plan) -> Result:
    verdict = _campaign("reload", plan.reloads)
    result = _result("reloads", f"{plan.reloads} rolling reloads under mixed work", verdict)
    refused = sum(sum(why.values()) for why in verdict["figures"]["refusedDuring"].values())
    result.targets.append(Target("requests that failed", refused, 0, "", at_least=False))
    return result


def _campaign(only: str, faults: int) -> dict[str, Any]:
    """Its progress goes to where ours goes."""
    with tempfile.TemporaryDirectory(prefix="bench-faults-") as place:
        file = Path(place) / "verdict.json"
        argv = [sys.executable, "-m", "tests.chaos.campaign", "--only", only]
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        # Exit code 1 is a verdict, too.
        subprocess.run(
            [*argv, "--faults", str(faults), "--json", str(file)],
            cwd=PROJECT,
            env=kept,
            stdout=sys.stderr,
            check=False,
            timeout=600 + 120 * faults,
        )
        if not file.exists():
            raise SystemExit(f"The campaign of {only} came to no verdict.")
        found: dict[str, Any] = json.loads(file.read_text())
        return found


def _result(name: str, what: str, verdict: dict[str, Any]) -> Result:
    recovered = [step["recovered"] for step in verdict["schedule"]]
    figures, violations = verdict["figures"], verdict["violations"]
    result = Result(name, f"{what}, seed {verdict['seed']}")
    result.sides.append(Side("until all is well again", "s", recovered))
    result.targets += [
        Target("differences in E1 to E5 and notes", len(violations), 0, "", at_least=False),
        Target("longest recovery", max(recovered), _RECOVERED_S, "s", at_least=False),
    ]
    counted = ("clicks", "completions", "messages", "events")
    result.notes.append(", ".join(f"{figures[one]:,} {one}" for one in counted))
    result.notes += [f"{one['law']}: {one['subject']} {one['evidence']}" for one in violations[:5]]
    return result
