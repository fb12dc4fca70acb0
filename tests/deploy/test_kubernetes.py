"""What kustomize builds of deploy/kubernetes is valid, closed, and means what the program does."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from benchmarks import PROJECT
from tests.deploy.web import graceful_timeout

OVERLAY = PROJECT / "deploy" / "kubernetes" / "overlays" / "example"
VERSIONS = ["1.29", "1.34"]
# Of the Prometheus operator: no schema of Kubernetes' own.
FOREIGN = {"ServiceMonitor"}


@pytest.fixture(scope="module")
def built() -> list[dict[str, Any]]:
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run(
        [kubectl, "kustomize", OVERLAY], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nothing deprecated
    return list(yaml.safe_load_all(done.stdout))


def of_kind(built: list[dict[str, Any]], *kinds: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in built if one["kind"] in kinds}


def pods(built: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, one in of_kind(built, "Deployment", "Job").items():
        yield name, one["spec"]["template"]["spec"]


def containers(built: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for _, pod in pods(built):
        yield from (*pod.get("initContainers", []), *pod["containers"])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(built: list[dict[str, Any]], version: str) -> None:
    for one in built:
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, version, strict=True)


def test_everything_lives_in_the_namespace(built: list[dict[str, Any]]) -> None:
    assert {one["metadata"]["namespace"] for one in built} == {"rallypoint"}


def test_pods_may_do_next_to_nothing(built: list[dict[str, Any]]) -> None:
    (user,) = re.findall(r"(?m)^USER (\d+)$", (PROJECT / "Dockerfile").read_text())
    for name, pod in pods(built):
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["runAsUser"] == int(user)
        assert pod["automountServiceAccountToken"] is False
    for one in containers(built):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert one["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in one["resources"]["limits"]


def test_all_run_the_one_image(built: list[dict[str, Any]]) -> None:
    assert {one["image"] for one in containers(built)} == {"registry.example/rallypoint:0.1.0"}


def test_what_they_are_told_is_what_the_settings_read(built: list[dict[str, Any]]) -> None:
    read = set(re.findall(r"(?m)^([A-Z_]+)=", (PROJECT / ".env.example").read_text()))
    (told,) = of_kind(built, "ConfigMap").values()
    assert set(told["data"]) <= read
    assert not any(
        "SECRET" in name or "_URL" in name for name in set(told["data"]) - {"PUBLIC_URL"}
    )
    name = told["metadata"]["name"]  # with a hash: pods are replaced when it changes
    for one in containers(built):
        assert one["envFrom"] == [
            {"configMapRef": {"name": name}},
            {"secretRef": {"name": "rallypoint"}},
        ]


def test_probes_are_the_ones_that_need_no_django(built: list[dict[str, Any]]) -> None:
    (web,) = of_kind(built, "Deployment")["rallypoint-web"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert web["readinessProbe"]["httpGet"]["path"] == "/api/health/ready"
    for probe in ("startupProbe", "livenessProbe"):
        assert web[probe]["httpGet"]["path"] == "/api/health/live"


def test_a_pod_has_the_time_to_leave(built: list[dict[str, Any]]) -> None:
    pod = of_kind(built, "Deployment")["rallypoint-web"]["spec"]["template"]["spec"]
    said = " ".join(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"])
    (pause,) = re.findall(r"^sleep (\d+)$", said)
    assert pod["terminationGracePeriodSeconds"] > int(pause) + graceful_timeout() + 10


def test_a_release_takes_no_web_pod_away_before_its_successor_is_ready(
    built: list[dict[str, Any]],
) -> None:
    spec = of_kind(built, "Deployment")["rallypoint-web"]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert "replicas" not in spec  # the autoscaler's


def test_there_is_one_beat_and_never_two(built: list[dict[str, Any]]) -> None:
    spec = of_kind(built, "Deployment")["rallypoint-beat"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_selectors_find_their_pods(built: list[dict[str, Any]]) -> None:
    labels = {
        name: one["spec"]["template"]["metadata"]["labels"]
        for name, one in of_kind(built, "Deployment", "Job").items()
    }
    web = labels["rallypoint-web"]
    assert of_kind(built, "Service")["rallypoint"]["spec"]["selector"].items() <= web.items()
    for kinds in ("PodDisruptionBudget", "Deployment"):
        for name, one in of_kind(built, kinds).items():
            assert one["spec"]["selector"]["matchLabels"].items() <= labels[name].items()
    (scaler,) = of_kind(built, "HorizontalPodAutoscaler").values()
    assert scaler["spec"]["scaleTargetRef"]["name"] in labels
    (monitor,) = of_kind(built, "ServiceMonitor").values()
    service = of_kind(built, "Service")["rallypoint"]
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] in {p["name"] for p in service["spec"]["ports"]}


def test_who_may_come_in_is_said_for_each_pod(built: list[dict[str, Any]]) -> None:
    policies = of_kind(built, "NetworkPolicy")
    everybody = {"app.kubernetes.io/name": "rallypoint"}
    closed = policies["rallypoint-closed"]["spec"]
    assert (closed["podSelector"]["matchLabels"], closed["policyTypes"]) == (everybody, ["Ingress"])
    assert "ingress" not in closed
    outwards = policies["rallypoint-outwards"]["spec"]["egress"]
    refused = [
        cidr for rule in outwards for to in rule.get("to", []) for cidr in to["ipBlock"]["except"]
    ]
    assert {"10.0.0.0/8", "169.254.0.0/16", "fc00::/7"} <= set(refused)
