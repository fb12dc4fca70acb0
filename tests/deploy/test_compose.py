"""compose.yaml is what Compose takes, names only what there is, and keeps the house closed."""

import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from benchmarks import PROJECT

FILE = PROJECT / "compose.yaml"
EXAMPLE = PROJECT / "deploy" / "compose.env.example"
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?:(:\?|:-)((?:[^{}]|\$\{[^{}]*\})*))?\}")
GIVEN = {
    "SECRET_KEY": "k" * 60, "POSTGRES_PASSWORD": "p", "REDIS_PASSWORD": "r", "SCHEME": "https",
    "PUBLIC_URL": "https://rally.example", "ALLOWED_HOSTS": "rally.example",
}  # fmt: skip


class MissingError(Exception):
    pass


def interpolate(text: str, given: Mapping[str, str]) -> str:
    """As Compose does it: `${A}`, `${A:-default}`, `${A:?why}`, `$$`."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if name is None:
            return "$"
        if kind == ":?" and not given.get(name):
            raise MissingError(name)
        return given.get(name) or (interpolate(rest, given) if kind == ":-" else "")

    return _VARIABLE.sub(value, text)


def composed(given: Mapping[str, str] = GIVEN) -> Any:
    commentless = re.sub(r"(?m)(^| )#.*$", "", FILE.read_text())
    return yaml.safe_load(interpolate(commentless, given))


@pytest.fixture
def services() -> dict[str, Any]:
    return dict(composed()["services"])


def ours(services: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in services.items() if "build" in one}


def test_compose_takes_it() -> None:
    read = PyCompose.from_yaml(yaml.safe_dump(composed()))
    read.validate()
    assert set(read.service_names()) == {
        *("nginx", "web", "worker", "beat", "migrate", "postgres", "redis"),
        *("prometheus", "grafana"),
    }


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_secret_or_ones_own_has_no_default(name: str) -> None:
    with pytest.raises(MissingError, match=name):
        composed({key: value for key, value in GIVEN.items() if key != name})


def test_every_variable_is_in_its_example_and_none_besides() -> None:
    used = {name for name, *_ in _VARIABLE.findall(FILE.read_text()) if name}
    used |= {secret["environment"] for secret in composed()["secrets"].values()}
    explained = set(re.findall(r"(?m)^([A-Z0-9_]+)=", EXAMPLE.read_text()))
    assert explained == used


def test_the_defaults_of_the_example_are_those_of_the_file() -> None:
    said = dict(re.findall(r"(?m)^([A-Z0-9_]+)=([^ #\n]+)", EXAMPLE.read_text()))
    assert composed(said | GIVEN) == composed()


def test_what_our_containers_are_told_is_what_the_settings_read(services: dict[str, Any]) -> None:
    read = set(re.findall(r"(?m)^([A-Z0-9_]+)=", (PROJECT / ".env.example").read_text()))
    boto3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
    for one in ours(services).values():
        assert set(one["environment"]) <= read | boto3


def test_what_they_are_told_is_a_safe_production(services: dict[str, Any]) -> None:
    environment = services["web"]["environment"]
    told = {name: "" if value is None else str(value) for name, value in environment.items()}
    done = subprocess.run(
        [sys.executable, "-c", "import config.asgi"],
        cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
        env=told | {"RALLYPOINT_ROLE": "web"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_our_containers_can_write_nothing_but_their_volumes(services: dict[str, Any]) -> None:
    for one in ours(services).values():
        assert one["read_only"]
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]


def test_stores_are_reached_by_nobody_outside(services: dict[str, Any]) -> None:
    document = composed()
    assert document["networks"]["stores"]["internal"]
    for name in ("postgres", "redis"):
        assert services[name]["networks"] == ["stores"]
        assert "ports" not in services[name]
    published = {name for name, one in services.items() if "ports" in one}
    assert published == {"nginx", "grafana"}  # so that there may be three of web


def test_only_the_network_of_nginx_is_believed_about_addresses(services: dict[str, Any]) -> None:
    subnet = composed()["networks"]["edge"]["ipam"]["config"][0]["subnet"]
    assert services["web"]["environment"]["TRUSTED_PROXIES"] == subnet


def test_redis_keeps_what_it_acknowledged(services: dict[str, Any]) -> None:
    said = " ".join(services["redis"]["command"])
    assert "--appendonly yes" in said
    assert "--maxmemory-policy noeviction" in said


def test_everything_that_is_mounted_is_there(services: dict[str, Any]) -> None:
    document = composed()
    for one in services.values():
        for mount in one.get("volumes", []):
            source = mount.partition(":")[0]
            assert source in document["volumes"] or (PROJECT / source).is_dir(), source


def test_every_log_has_a_bound(services: dict[str, Any]) -> None:
    for name, one in services.items():
        assert one["logging"]["options"]["max-size"], name
