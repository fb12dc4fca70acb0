"""The benchmarks still run: their short form, on servers of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# They would point it at the databases of the tests that run at the same time.
_NOT_INHERITED = {"DATABASE_URL", "REDIS_URL", "CACHE_URL", "SECRET_KEY", "PUBLIC_URL"}


def run_short(name: str, tmp_path: Path) -> dict[str, Any]:
    kept = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
    command = [sys.executable, "-m", "benchmarks", "--short", name]
    done = subprocess.run(
        [*command, "--json", str(tmp_path / "found.json")],
        cwd=PROJECT,
        env=kept | {"VAR_DIR": str(tmp_path / "var"), "ALLOWED_HOSTS": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads((tmp_path / "found.json").read_text())
    return found["results"][0]


@pytest.mark.timeout(400)
def test_drain_compares_few_stored_clicks_with_many(tmp_path: Path) -> None:
    found = run_short("drain", tmp_path)

    assert [side["name"] for side in found["sides"]] == ["1,000 stored", "5,000 stored"]
    assert all(side["median"] > 0 for side in found["sides"])


@pytest.mark.timeout(400)
@pytest.mark.skipif(
    not (shutil.which("wrk") or shutil.which("node")), reason="nothing here can make a load"
)
def test_redirects_are_compared_and_every_one_is_a_stored_click(tmp_path: Path) -> None:
    found = run_short("redirect", tmp_path)

    assert {"Rallypoint", "bare ASGI"} <= {side["name"] for side in found["sides"]}
    assert "100 redirects one by one, 100 clicks stored; E1 and E2 hold" in found["notes"]
