"""`manage.py up`: what must hold before it starts, what it hands on, and a whole run."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from monitoring.embedded import EmbeddedServerError, EmbeddedServers
from monitoring.supervisor import Terminal, instance
from monitoring.supervisor.errors import CannotStart
from monitoring.supervisor.instance import PROJECT, Address
from monitoring.supervisor.up import _Revival
from tests.monitoring.processes import Printing, is_running


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- Before the start -----------------------------------------------------------------------------


def test_a_port_in_use_is_one_sentence_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        command = [sys.executable, "-m", "monitoring.supervisor", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: Port {port} is in use by another program. "
        f"Choose another one: make run PORT={port + 1}\n"
    )


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (Address("127.0.0.1", 0), "0 is no port: choose one between 1 and 65535."),
        (Address("127.0.0.1", 70_000), "70000 is no port"),
        (Address("192.0.2.1", 8000), "192.0.2.1 is no address of this machine"),
        (Address("no.such.host.invalid", 8000), "no.such.host.invalid is no address"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_sentence(address: Address, sentence: str) -> None:
    with pytest.raises(CannotStart, match=sentence):
        instance.bound(address)


def test_a_free_port_is_no_reason_to_stop(free_port: int) -> None:
    instance.bound(Address("127.0.0.1", free_port)).close()


class _Health(BaseHTTPRequestHandler):
    """Answers as Django does: only to its own name."""

    def do_GET(self) -> None:
        known = (self.path, self.headers["Host"]) == ("/api/health/live", "rally.test")
        self.send_response(200 if known else 400)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def asked_whether_it_is_alive(port: int, allowed: str) -> tuple[int, str]:
    """(exit code, what it says): as a container's health check asks."""
    done = subprocess.run(
        [sys.executable, "-m", "monitoring.supervisor.alive"],
        env={"BIND": f"0.0.0.0:{port}", "ALLOWED_HOSTS": allowed},
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize(
    ("allowed", "said"),
    [("rally.test,other", (0, "")), (".rally.test", (0, "")), ("other", (1, "it answers 400"))],
)
def test_a_container_is_alive_when_its_web_server_answers(
    allowed: str, said: tuple[int, str]
) -> None:
    with HTTPServer(("127.0.0.1", 0), _Health) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert asked_whether_it_is_alive(server.server_port, allowed) == said
        thread.join()


def test_a_container_whose_web_server_is_gone_is_not_alive(free_port: int) -> None:
    code, said = asked_whether_it_is_alive(free_port, "")
    assert code == 1
    assert "ConnectionRefusedError" in said


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_nearly_full_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**9, 0, 199_000_000))
    with pytest.raises(CannotStart, match="nearly full: 199 MB are free, 200 MB are needed"):
        instance.prepare_directory(tmp_path)


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"Not a directory. VAR_DIR chooses another"):
        instance.prepare_directory(tmp_path / "file" / "var")


def test_what_is_not_given_has_defaults_for_this_machine_only(tmp_path: Path) -> None:
    env = instance.environment({"HOME": "/home/me"}, Address("0.0.0.0", 8001), tmp_path)  # noqa: S104
    assert env["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1]"
    assert env["PUBLIC_URL"] == "http://127.0.0.1:8001"
    assert env["VAR_DIR"] == str(tmp_path)
    assert env["HOME"] == "/home/me"
    assert "DEBUG" not in env


def test_what_is_given_wins(tmp_path: Path) -> None:
    given = {"ALLOWED_HOSTS": "a.test", "PUBLIC_URL": "https://a.test", "SECRET_KEY": "mine"}
    env = instance.environment(given, Address("127.0.0.1", 8000), tmp_path)
    assert given.items() <= env.items()
    assert not (tmp_path / "secret_key").exists()


def test_a_secret_is_generated_once_and_closed_to_others(tmp_path: Path) -> None:
    first, second = (
        instance.environment({"SECRET_KEY": ""}, Address("127.0.0.1", 8000), tmp_path)
        for _ in range(2)
    )
    assert first["SECRET_KEY"] == second["SECRET_KEY"]
    assert len(first["SECRET_KEY"]) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_secret_in_a_file_is_left_to_the_settings(tmp_path: Path) -> None:
    given = {"SECRET_KEY_FILE": "/run/secrets/key"}
    assert "SECRET_KEY" not in instance.environment(given, Address("127.0.0.1", 1), tmp_path)


# --- The whole instance ---------------------------------------------------------------------------


class _Dying(EmbeddedServers):
    """Servers that need a second attempt to come back."""

    def __init__(self) -> None:
        super().__init__(temporary=True)
        self.attempts = 0

    def revive(self) -> list[str]:
        self.attempts += 1
        if self.attempts == 1:
            raise EmbeddedServerError("The disk is full.")
        return ["postgres"] if self.attempts == 2 else []


def test_a_server_that_cannot_be_revived_is_tried_again_later() -> None:
    now, printed, servers = [100.0], io.StringIO(), _Dying()
    revival = _Revival(servers, Terminal(printed), clock=lambda: now[0])
    revival()
    now[0] += 9
    revival()
    assert servers.attempts == 1
    now[0] += 2
    revival()
    assert printed.getvalue().splitlines() == [
        "The disk is full. It is tried again in 10 s.",
        "postgres had ended and was started again.",
    ]


def children_of(pid: int) -> list[int]:
    listed = subprocess.run(["/bin/ps", "-eo", "pid=,ppid="], capture_output=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    direct = [child for child, parent in pairs if parent == pid]
    return direct + [each for child in direct for each in children_of(child)]


def test_up_serves_from_an_empty_directory_and_leaves_nothing_behind(
    tmp_path: Path, free_port: int
) -> None:
    """The longest test here: it migrates an empty database and boots all three programs."""
    unset = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL", "ALLOWED_HOSTS"}
    env = {name: value for name, value in os.environ.items() if name not in unset}
    command = [sys.executable, "manage.py", "up", "--no-demo", "--port", str(free_port)]
    with subprocess.Popen(
        command,
        env={**env, "VAR_DIR": str(tmp_path / "var"), "WEB_CONCURRENCY": "1"},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        it = Printing(process)
        url = it.wait_for("Rallypoint is ready: (http://.*)$")[1]
        assert urllib.request.urlopen(f"{url}/ping").read() == b"pong"  # noqa: S310 - ours
        page = it.wait_for("How it is: (http://[^ ,]*)")[1]
        assert b"Status" in urllib.request.urlopen(page).read()  # noqa: S310 - ours
        monitor = it.wait_for(r"In a terminal: \.venv/bin/python (manage\.py monitor .*)$")[1]
        assert f":{free_port}" in monitor
        ask = "from django.conf import settings as s; print(s.PUBLIC_URL, s.BIND)"
        beside = subprocess.check_output(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", ask],
            env={**env, "VAR_DIR": str(tmp_path / "var")}, cwd=PROJECT, text=True, timeout=60,
        )  # fmt: skip
        assert beside.split() == [url, f"127.0.0.1:{free_port}"]
        everything = children_of(process.pid)
        assert len(everything) > 10
        it.send(signal.SIGINT)
        assert it.process.wait(60) == 0
        assert not any(is_running(pid) for pid in everything)
