"""The units for one plain server: systemd takes them, and they confine what they start."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import PROJECT
from tests.deploy.web import graceful_timeout

UNITS = PROJECT / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze"
)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """As on a server, where the project lies in /opt/rallypoint: here it lies elsewhere."""
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    for unit in SERVICES:
        text = unit.read_text().replace("/opt/rallypoint", str(PROJECT))
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def analyze(units: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_systemd_takes_them(installed: Path) -> None:
    files = [*installed.glob("*.service"), *installed.glob("*.target")]
    done = analyze(installed, "verify", "--man=no", *map(str, files))
    ours = [line for line in done.stderr.splitlines() if "rallypoint" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", [one.name for one in SERVICES])
def test_each_is_confined(installed: Path, unit: str) -> None:
    done = analyze(installed, "security", "--offline=true", str(installed / unit))
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) < 2.5  # of 10; "OK" begins at 5


def test_they_start_what_the_container_starts() -> None:
    image = (PROJECT / "Dockerfile").read_text()
    (parts,) = re.findall(r'(?m)^CMD \[("gunicorn".*)\]$', image)
    command = " ".join(re.findall(r'"([^"]+)"', parts))
    assert (
        f"ExecStart=/opt/rallypoint/.venv/bin/{command}\n"
        in (UNITS / "rallypoint-web.service").read_text()
    )


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_migrations_of_a_release_stop_nobody_and_are_waited_for(name: str) -> None:
    """systemd stops whoever requires a unit that is restarted."""
    said = (UNITS / f"rallypoint-{name}.service").read_text()
    assert not re.search(r"(?m)^(Requires|BindsTo|Requisite)=.*migrate", said)
    assert re.search(r"(?m)^ExecStartPre=\S+/python manage.py migrate --check$", said)


def test_its_example_of_an_environment_is_one_to_systemd(tmp_path: Path) -> None:
    """To which a comment behind a value is a part of it; and the units' own directory stays."""
    example = (UNITS / "env.example").read_text()
    lines = [line for line in example.splitlines() if line and not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    known = set(re.findall(r"(?m)^([A-Z0-9_]+)=", (PROJECT / ".env.example").read_text()))
    assert given.keys() < known
    assert "VAR_DIR" not in given
    assert not [value for value in given.values() if re.search(r"[\s#\"']", value)]

    filled = given | {
        "SECRET_KEY": "".join(chr(33 + number * 7 % 90) for number in range(64)),
        "PUBLIC_URL": "https://rally.example",
        "ALLOWED_HOSTS": "rally.example",
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "REDIS_URL": os.environ["REDIS_URL"],
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=PROJECT, env=filled | {"PATH": os.environ["PATH"], "RALLYPOINT_ROLE": "web"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_commands_by_hand_are_run_as_the_units_run_theirs(tmp_path: Path) -> None:
    told = tmp_path / "systemd-run"
    told.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    told.chmod(0o755)
    done = subprocess.run(
        [UNITS / "manage.sh", "restore", "a b", "--drill"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=10, check=True,
    )  # fmt: skip
    words = done.stdout.splitlines()
    assert words[-4:] == ["manage.py", "restore", "a b", "--drill"]
    units = (UNITS / "rallypoint-.service.d" / "common.conf").read_text()
    file, directory = "EnvironmentFile=/etc/rallypoint/env", "WorkingDirectory=/opt/rallypoint"
    for wanted in (f"--property={file}", f"--{directory.replace('WorkingD', 'working-d')}"):
        assert wanted in words
    for said in (file, directory, "User=rallypoint", "Environment=VAR_DIR=/var/lib/rallypoint"):
        assert said in units
    known = subprocess.run(["systemd-run", "--help"], capture_output=True, text=True, check=True)
    options = {word.partition("=")[0] for word in words if word.startswith("--") and len(word) > 2}
    assert all(one in known.stdout for one in options - {"--drill"})


def test_there_is_time_to_stop() -> None:
    said = (UNITS / "rallypoint-web.service").read_text()
    (seconds,) = re.findall(r"TimeoutStopSec=(\d+)", said)
    assert int(seconds) > graceful_timeout()
    assert "KillMode=mixed" in said  # workers are told by their parent, in its order


def test_the_journal_has_a_bound() -> None:
    assert (
        "LogNamespace=rallypoint" in (UNITS / "rallypoint-.service.d" / "common.conf").read_text()
    )
    assert re.search(r"SystemMaxUse=\d+G", (UNITS / "journald@rallypoint.conf").read_text())
