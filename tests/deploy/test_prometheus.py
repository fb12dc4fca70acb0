"""The rules are what Prometheus takes; each alert can fire, be silent, and has its runbook."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from benchmarks import PROJECT

PROMETHEUS = PROJECT / "deploy" / "prometheus"
RUNBOOKS = (PROJECT / "docs" / "runbooks.md").read_text()
RULES: Any = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())
ALERTS = {
    rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule
}
TESTS = sorted(PROMETHEUS.glob("rules*.test.yml"))
_UNPACKED = PROJECT / ".venv/debian/usr/bin"
PROMTOOL = shutil.which("promtool") or shutil.which("promtool", path=_UNPACKED)

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool on this machine")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROMTOOL), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    done = promtool("check", "rules", PROMETHEUS / "rules.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    """Its token is a secret of the container's, which is not here."""
    text = (PROMETHEUS / "prometheus.yml").read_text()
    token = tmp_path / "metrics_token"
    token.write_text("t")
    (tmp_path / "prometheus.yml").write_text(text.replace("/run/secrets/metrics_token", str(token)))
    shutil.copy(PROMETHEUS / "rules.yml", tmp_path)
    done = promtool("check", "config", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("tests", TESTS, ids=lambda path: path.name)
def test_alerts_fire_when_they_should(tests: Path) -> None:
    done = promtool("test", "rules", tests)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_seen_firing_and_silent() -> None:
    seen: dict[str, set[bool]] = {}
    for file in TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                seen.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    assert seen == {name: {True, False} for name in ALERTS}


def test_each_alert_says_how_bad_it_is_and_leads_to_its_runbook() -> None:
    sections = re.findall(r"(?m)^## (\w+)$", RUNBOOKS)
    assert sections == list(ALERTS)  # in the order of the rules
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{name.lower()}"


def test_runbooks_lead_to_sections_that_there_are() -> None:
    anchors = {name.lower() for name in ALERTS}
    assert set(re.findall(r"\]\(#(\w+)\)", RUNBOOKS)) <= anchors


# --- What runbooks tell people to type ------------------------------------------------------------
COMMANDS = sorted({
    line for block in re.findall(r"(?s)```\n(.*?)```", RUNBOOKS) for line in block.splitlines()
} | set(re.findall(r"`((?:manage\.py|docker compose|systemctl) [^`.]+)`", RUNBOOKS)))  # fmt: skip


def ours(line: str) -> bool:
    return line.startswith("manage.py ")


@pytest.mark.parametrize("line", [line for line in COMMANDS if ours(line)])
def test_each_of_our_commands_is_understood(line: str) -> None:
    _, name, *arguments = line.split()
    app = get_commands()[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    parser = command.create_parser("manage.py", name)
    known = {option for action in parser._actions for option in action.option_strings}
    flags = {word for word in arguments if word.startswith("--")}
    assert flags <= known
    parser.parse_args(arguments)


@pytest.mark.parametrize("line", [line for line in COMMANDS if not ours(line)])
def test_each_other_command_names_what_we_ship(line: str) -> None:
    words = line.split()
    if words[:2] == ["docker", "compose"]:
        services = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]
        named = {word.partition("=")[0] for word in words[3:] if not word.startswith("-")}
        named -= {"15m", "100"}
        assert named & set(services), line
    elif words[0] == "systemctl":
        units = {unit.name for unit in (PROJECT / "deploy" / "systemd").iterdir()}
        assert {word for word in words if word.endswith(".service")} <= units
    else:
        assert words[0] in {"df", "docker", "journalctl", "openssl", "valkey-cli"}
