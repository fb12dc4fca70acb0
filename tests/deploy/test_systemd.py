"""The units for one plain server: systemd takes them, and they confine what they start."""

import re
import shutil
import subprocess
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
