"""The Dockerfile's steps, carried out for real, give what serves, and nothing that could build.

As root, with debootstrap and bubblewrap, and `CHAOS=long`: it takes three minutes, two of them
Debian's.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from benchmarks import PROJECT
from monitoring.embedded import EmbeddedServers
from tests.deploy.images import Stage, build, debian
from tests.stack import free_port, wait_until

needs = ("debootstrap", "bwrap", "git")
pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.geteuid() != 0 or any(shutil.which(one) is None for one in needs),
        reason=f"needs root, and {', '.join(needs)}",
    ),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, long_form: bool) -> Stage:
    if not long_form:
        pytest.skip("CHAOS=long tries it")
    place = tmp_path_factory.mktemp("image")
    base = debian(Path(os.environ.get("DEBIAN_ROOT") or place / "debian"))
    return build(PROJECT / "Dockerfile", PROJECT, base, place)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    directory = tmp_path_factory.mktemp("servers")
    directory.chmod(0o711)
    with EmbeddedServers(directory / "var") as running:
        yield running


class Containers:
    """Of one image, each with the volume of the spool and nothing else that it can write."""

    def __init__(self, image: Stage, servers: EmbeddedServers, volume: Path) -> None:
        self.image, self.volume = image, volume
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        os.chown(volume, int(image.user), int(image.user))
        image.env |= {
            "SECRET_KEY": "s" * 64, "PUBLIC_URL": self.url, "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url,
            "WEB_CONCURRENCY": "2", "BIND": f"0.0.0.0:{self.port}", "WORKER_CONCURRENCY": "2",
        }  # fmt: skip

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.image.run(list(command), sealed=True, var_lib_rallypoint=self.volume)

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """As `docker run` starts it: the entrypoint, then `command` or the image's own."""
        whole = [*self.image.said["ENTRYPOINT"], *(command or self.image.said["CMD"])]
        started = subprocess.Popen(
            self.image.enter(whole, sealed=True, var_lib_rallypoint=self.volume),
            stdout=sys.stderr, stderr=sys.stderr,
        )  # fmt: skip
        try:
            yield started
        finally:
            for first in first_processes(started):
                os.kill(first, signal.SIGKILL)
            started.wait(timeout=20)


def first_processes(container: subprocess.Popen[bytes]) -> list[int]:
    """Its process 1, with whom all others go; none when it has ended."""
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    return [int(pid) for pid in children.read_text().split()] if container.poll() is None else []


@pytest.fixture(scope="module")
def containers(
    image: Stage, servers: EmbeddedServers, tmp_path_factory: pytest.TempPathFactory
) -> Containers:
    made = Containers(image, servers, tmp_path_factory.mktemp("volume"))
    done = made.run("python", "manage.py", "migrate", "--no-input", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    return made


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/health/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("tool", ["gcc", "cc", "make", "pip", "/venv/bin/pip", "valkey-server"])
def test_nothing_that_builds_is_left(image: Stage, tool: str) -> None:
    # Debian's root has a pip where python:slim has one, too; the product's environment has none.
    found = image.run(["/bin/sh", "-c", f"command -v {tool}"], sealed=True).stdout.strip()
    assert found in {"", "/usr/bin/pip"}


def test_who_runs_it_can_change_nothing_of_it(containers: Containers) -> None:
    assert containers.run("id", "-u").stdout.strip() == "10001"
    for place in ("/app/manage.py", "/venv/bin/python", "/srv/static/staticfiles.json", "/etc/x"):
        said = containers.run("/bin/sh", "-c", f"echo x >> {place}")
        assert said.returncode != 0, place
    assert containers.run("/bin/sh", "-c", "find / -xdev -writable -type f").stdout == ""


def test_it_serves_counts_and_stops(containers: Containers) -> None:
    with ExitStack() as until:
        web = until.enter_context(containers.running())
        wait_until(lambda: answers(containers.url), seconds=60)
        check = containers.run(*containers.image.said["HEALTHCHECK"])
        assert check.returncode == 0, check.stderr
        page = requests.get(f"{containers.url}/quests", timeout=10)
        assert page.ok
        style = page.text.split('rel="stylesheet" href="')[1].partition('"')[0]
        kept = requests.get(f"{containers.url}{style}", timeout=10).headers["Cache-Control"]
        assert "immutable" in kept
        key = containers.run(
            "python", "manage.py", "create_api_key", "ada", "--create-user", "--name", "tour",
            "--scope", "links:read", "--scope", "links:write",
        ).stdout.split()[-1]  # fmt: skip
        api = requests.Session()
        api.headers["X-API-Key"] = key
        link = api.post(
            f"{containers.url}/api/links", json={"url": "https://example.org/"}, timeout=10
        ).json()
        opened = f"{containers.url}/{link['slug']}"
        assert requests.get(opened, allow_redirects=False, timeout=10).status_code == 302
        until.enter_context(containers.running("celery", "-A", "config", "worker"))
        until.enter_context(containers.running("celery", "-A", "config", "beat"))
        stats = f"{containers.url}/api/links/{link['id']}/stats?bots=include"
        wait_until(lambda: api.get(stats, timeout=10).json()["totals"]["clicks"] == 1, seconds=60)
        (tini,) = first_processes(web)
        os.kill(tini, signal.SIGTERM)  # as the engine would
        assert web.wait(timeout=40) == 0
