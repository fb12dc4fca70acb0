"""A second web host beside a stack: another address, a directory of its own, the same stores."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from benchmarks import PROJECT
from tests.stack import Stack, free_port, wait_until


@dataclass(frozen=True)
class Host:
    url: str


@contextmanager
def second_host(stack: Stack) -> Iterator[Host]:
    """What it shares with the first one is PostgreSQL, Redis and the settings."""
    host = Host(f"http://127.0.0.2:{free_port()}")
    own = stack.directory / "second"
    own.mkdir()
    env = stack.env | {"BIND": host.url.removeprefix("http://"), "VAR_DIR": str(own)}
    argv = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.asgi:application"]
    with (own / "web.log").open("ab") as log:
        web = subprocess.Popen(argv, cwd=PROJECT, env=env, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(host), seconds=60)
        yield host
    finally:
        web.terminate()
        web.wait(timeout=40)


def _answers(host: Host) -> bool:
    try:
        return requests.get(f"{host.url}/ping", timeout=2).status_code == 200
    except requests.RequestException:
        return False


@dataclass
class Wanderer:
    """A client whose every request goes to the next host, as behind a balancer that remembers
    nobody. `name` is the host's for all of them; `network` is where she comes from."""

    hosts: tuple[str, ...]
    name: str
    network: str
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._next = itertools.cycle(self.hosts)
        self.visited: list[str] = []

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        host = next(self._next)
        self.visited.append(host)
        given = {
            "Host": self.name,
            "Origin": f"http://{self.name}",
            "X-Forwarded-For": self.network,
            **self.headers,
            **options.pop("headers", {}),
        }
        answer = requests.request(
            method, f"{host}{path}", headers=given, cookies=self.cookies, timeout=10,
            allow_redirects=False, **options,
        )  # fmt: skip
        self.cookies |= answer.cookies.get_dict()
        return answer

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.ask("POST", path, **options)
