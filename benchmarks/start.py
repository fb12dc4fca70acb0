"""How long an installed instance takes from nothing to serving: `manage.py up` in an empty var/.

It makes its own PostgreSQL and Valkey, migrates, and starts its processes. Nothing is pinned.
"""

import os
import subprocess
import sys
import tempfile

from benchmarks import PROJECT
from benchmarks.machine import say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.servers import free_port, stop, wait_until_answers
from benchmarks.stores import Stores

_TARGET_S = 15
_GIVEN_UP_AFTER = 120.0
# What would point the new instance at servers, data or names that are there already.
_NOT_INHERITED = {"DATABASE_URL", "REDIS_URL", "CACHE_URL", "SECRET_KEY", "BIND", "WEB_CONCURRENCY"}


def run(_stores: Stores, plan: Plan) -> Result:
    seconds: list[float] = []
    for number in range(1, min(plan.rounds, 3) + 1):
        with tempfile.TemporaryDirectory(prefix="bench-start-") as var_dir:
            seconds.append(_start_once(var_dir))
        say(f"start: round {number}: {seconds[-1]:.1f} s")
    side = Side("from nothing to /ping", "s", seconds)
    target = Target("until it serves", side.median, _TARGET_S, "s", at_least=False)
    return Result("start", "manage.py up --no-demo, empty var/", [side], [target])


def _start_once(var_dir: str) -> float:
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--no-demo", "--port", str(port)],
        cwd=PROJECT,
        env=kept | {"VAR_DIR": var_dir},
        stdout=subprocess.DEVNULL,
    )
    try:
        return wait_until_answers(f"http://127.0.0.1:{port}/ping", process, _GIVEN_UP_AFTER)
    finally:
        stop(process)
