"""What a wallet library from npm (viem) makes signs in: once from a committed sample, and live
where Node is installed."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.accounts.siwe import ALICES, ask, now, send

pytestmark = pytest.mark.django_db
PACKAGE = Path(__file__).parent / "npm"
SAMPLE = json.loads((PACKAGE / "signed.json").read_text())


def test_a_message_that_it_signed_in_2031_signs_in_at_that_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server gives out the nonce that was signed, at the time at which it was."""
    then = datetime(2031, 5, 1, 9, 30, tzinfo=UTC)
    clock = {"now": then}
    monkeypatch.setattr("django.utils.timezone.now", lambda: clock["now"])
    monkeypatch.setattr(
        "accounts.nonces.secrets.token_hex",
        {16: "5f0c3b1d9e2a4786b1c0d3e4f5a69788", 32: "ab" * 32}.__getitem__,
    )
    browser = APIClient()
    ask(browser)
    clock["now"] = then + timedelta(minutes=4)
    answer = send(browser, **SAMPLE)
    assert answer.status_code == 200, answer.content
    assert answer.json()["user"]["walletAddress"] == ALICES.address


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("there is no Node with npm on this machine")
    directory = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json", ".npmrc", "sign.mjs"):
        shutil.copy(PACKAGE / name, directory)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        pytest.skip(f"npm ci ended with {done.returncode}: {done.stderr[-300:]}")
    return directory


def test_what_it_signs_now_signs_in(installed: Path) -> None:
    browser = APIClient()
    asked: dict[str, Any] = {
        **ask(browser), "privateKey": f"0x{ALICES.key.hex()}", "issuedAt": now(),
    }  # fmt: skip
    done = subprocess.run(
        ["node", "sign.mjs"],
        cwd=installed, input=json.dumps(asked), capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    answer = send(browser, **json.loads(done.stdout))
    assert answer.status_code == 200, answer.content
    assert answer.json()["user"]["walletAddress"] == ALICES.address
