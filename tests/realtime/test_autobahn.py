"""Autobahn's cases, run by kosoku against our server as it is configured; left out are those on
speed (9) and on compression (12, 13), which is not offered."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import PROJECT, free_port, wait_until


@pytest.mark.timeout(120)
def test_no_case_fails(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    env = os.environ | {"BIND": address, "WEB_CONCURRENCY": "1", "VAR_DIR": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                f"{sys.prefix}/bin/gunicorn", "-c", "config/gunicorn.py",
                "tests.realtime.echo:application",
            ],
            cwd=PROJECT, env=env, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            done = wait_until(lambda: _run_cases(address, tmp_path), seconds=60)
        finally:
            server.terminate()
            server.wait(timeout=30)
    assert done.stdout.splitlines()[-1] == "247 cases passed", done.stdout[-3_000:]
    assert "Traceback" not in (tmp_path / "log").read_text()


def _run_cases(address: str, directory: Path) -> subprocess.CompletedProcess[str] | None:
    """None as long as nobody listens."""
    done = subprocess.run(
        [
            f"{sys.prefix}/bin/kosoku", "-p", "8", "-o", str(directory / "report"),
            "-x", "9.*", "-x", "12.*", "-x", "13.*", address,
        ],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    return None if "refused" in done.stdout + done.stderr else done
