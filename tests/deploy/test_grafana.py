"""Dashboards and rules ask only for what the product really exports."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import PROJECT
from deploy.grafana.draw import DASHBOARDS, files
from tests.accounts.siwe import ALICES
from tests.deploy.test_prometheus import RULES, needs_promtool, promtool
from tests.stack import Stack, wait_until

GRAFANA = PROJECT / "deploy" / "grafana"
DRAWN = sorted((GRAFANA / "dashboards").glob("*.json"))
# There is a sample once it has happened.
RARE = {
    "rallypoint_requests_shed_total", "rallypoint_breakers", "rallypoint_rate_limited_total",
    "rallypoint_slow_queries_total", "rallypoint_reads_repeated_total",
    "rallypoint_personal_clicks", "rallypoint_certificate_seconds",
    "rallypoint_backup_age_seconds", "rallypoint_backup_last_drill_seconds",
    "rallypoint_backup_drill_differences",
}  # fmt: skip
_SELECTOR = re.compile(r"\b(rallypoint\w*|up)(?:\{([^}]*(?:\{slug\}[^}]*)*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


def queries() -> Iterator[str]:
    for file in DRAWN:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                yield target["expr"].replace("$__rate_interval", "5m")


def expressions() -> list[str]:
    return [*queries(), *(rule["expr"] for group in RULES["groups"] for rule in group["rules"])]


def test_the_files_are_as_they_were_drawn() -> None:
    assert {file.name: file.read_text() for file in DRAWN} == files()
    assert len(DRAWN) == len(DASHBOARDS)


@needs_promtool
def test_prometheus_understands_each_query(tmp_path: Path) -> None:
    rules = [{"record": f"q{number}", "expr": one} for number, one in enumerate(queries())]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_recorded_is_asked_for_by_its_name() -> None:
    recorded = {rule.get("record") for group in RULES["groups"] for rule in group["rules"]}
    used = {name for one in expressions() for name in re.findall(r"rallypoint:[\w:]+", one)}
    assert used <= recorded


@pytest.mark.xdist_group("stack")
def test_each_query_finds_what_is_exported(stack: Stack) -> None:
    link = stack.make_link(url="https://example.org/")
    stack.click(link["slug"])
    (number,) = stack.make_quests({"title": "A"})
    stack.sign_in(ALICES).post(f"{stack.url}/api/progress/complete/{number}", timeout=10)
    stack.reconcile()
    for path in ("quests", "nothing"):
        requests.get(f"{stack.url}/api/{path}", timeout=10)

    def missing() -> set[str]:
        text = requests.get(f"{stack.url}/api/health/metrics", timeout=10).text
        found: dict[str, list[dict[str, str]]] = {"up": [{}]}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.labels)
        return {
            f"{name}{{{matchers}}}"
            for name, matchers in selectors()
            if not any(fits(labels, matchers) for labels in found.get(name, ()))
        }

    # Each process tells some of its figures every few seconds.
    with contextlib.suppress(AssertionError):
        wait_until(lambda: not missing())
    assert missing() == set()


def selectors() -> Iterator[tuple[str, str]]:
    for expression in expressions():
        for name, matchers in _SELECTOR.findall(re.sub(r"rallypoint:[\w:]+", "", expression)):
            if name not in RARE:
                yield name, matchers


def fits(labels: dict[str, str], matchers: str) -> bool:
    """Prometheus gives each sample its `job` and `instance`."""
    told = labels | {"job": "rallypoint", "instance": "web"}
    return all(
        (re.fullmatch(value, told.get(name, "")) is not None) == (kind in {"=~", "="})
        if "~" in kind
        else (told.get(name) == value) == (kind == "=")
        for name, kind, value in _MATCHER.findall(matchers)
        if (name, value) not in OCCASIONAL
    )


# Values that a label has when it happens.
OCCASIONAL = {("status", "5xx"), ("check", "backups"), ("state", "open")}


def test_what_is_provisioned_is_where_compose_mounts_it() -> None:
    compose = yaml.safe_load((PROJECT / "compose.yaml").read_text())
    mounts = dict(
        mount.rsplit(":", 2)[:2][::-1] for mount in compose["services"]["grafana"]["volumes"][:2]
    )
    (provider,) = yaml.safe_load(
        (GRAFANA / "provisioning" / "dashboards" / "rallypoint.yml").read_text()
    )["providers"]
    assert mounts[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    assert mounts["/etc/grafana/provisioning"] == "./deploy/grafana/provisioning"
    (source,) = yaml.safe_load(
        (GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text()
    )["datasources"]
    used = {
        panel["datasource"]["uid"]
        for file in DRAWN
        for panel in json.loads(file.read_text())["panels"]
    }
    assert used == {source["uid"]}
