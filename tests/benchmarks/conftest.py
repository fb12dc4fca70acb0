"""One short run of all benchmarks, on servers of its own: what they prepare, they prepare once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CAN_LOAD = bool(shutil.which("wrk") or shutil.which("node"))
# They would point it at the databases of the tests that run at the same time.
_NOT_INHERITED = {"DATABASE_URL", "REDIS_URL", "CACHE_URL", "SECRET_KEY", "PUBLIC_URL"}
_ALONE = ["drain", "drains", "service", "quota", "leaderboard", "pages", "recovery"]
_ROOMS = ["fanout", "messages", "connections"]
_CROWD = ["overload"]
_UNDER_LOAD = ["redirect", "scale", "completions", "interaction", "cached", "layers"]


@pytest.fixture(scope="session")
def short_form(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each benchmark found, by its name."""
    directory = tmp_path_factory.mktemp("benchmarks")
    kept = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
    names = [*_ALONE, *_ROOMS, *_CROWD, *(_UNDER_LOAD if CAN_LOAD else [])]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--short", *names, "--json", directory / "found.json"],
        cwd=PROJECT,
        env=kept | {"VAR_DIR": str(directory / "var"), "ALLOWED_HOSTS": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads((directory / "found.json").read_text())
    return {result["name"]: result for result in found["results"]}
