"""The supervisor over real processes, and what `manage.py up` says before it starts."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from monitoring.embedded import EmbeddedServerError, EmbeddedServers
from monitoring.supervisor import Terminal, instance
from monitoring.supervisor.alive import why_not_alive
from monitoring.supervisor.backoff import Backoff
from monitoring.supervisor.errors import CannotStart
from monitoring.supervisor.instance import PROJECT, Address
from monitoring.supervisor.up import _Revival
from tests.monitoring.processes import eventually, is_running

SUPERVISOR = """
import json, os, signal, sys
from monitoring.supervisor import Program, Supervisor, Terminal
programs = [
    Program(
        each["name"], each["argv"], os.environ, start_delay=each.get("start_delay", 0),
        stop_seconds=each.get("stop_seconds", 20),
        reload_signal=signal.SIGHUP if each.get("reloads") else None,
    )
    for each in json.loads(sys.argv[1])
]
Supervisor(programs, Terminal(), first_delay=0.05).run()
"""
FOREVER = "echo up $$; while :; do sleep 0.05; done"
STUBBORN = f"trap '' TERM; {FOREVER}"
WITH_GRANDCHILD = "sleep 600 & echo up $!; wait"


class Supervised:
    """A supervisor in a process of its own, and all it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.printed: list[str] = []

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line, from here on, that has it; pytest's time limit is ours."""
        for line in self.process.stdout or ():
            self.printed.append(line.rstrip("\n"))
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"it ended without {pattern!r}: {self.printed}")

    def pid_of(self, name: str) -> int:
        return int(self.wait_for(rf"^{name} +\| up (\d+)$")[1])

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        self.printed += self.process.communicate(timeout=20)[0].splitlines()
        return self.process.returncode


@contextlib.contextmanager
def supervised(*programs: dict[str, Any]) -> Iterator[Supervised]:
    command = [sys.executable, "-c", SUPERVISOR, json.dumps(programs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            yield Supervised(process)
        finally:
            process.kill()


def shell(name: str, script: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "argv": ["/bin/sh", "-c", script], **options}


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- Lines ----------------------------------------------------------------------------------------


def test_each_line_says_which_program_it_is_from() -> None:
    talk = "echo hello; echo trouble >&2; printf '\\377 no newline'"
    with supervised(shell("web", talk), shell("worker", "echo hi; exec sleep 60")) as it:
        expected = {"web    | hello", "web    | trouble", "web    | \ufffd no newline"}
        while not expected | {"worker | hi"} <= {*it.printed}:
            it.wait_for("")  # the next line, until pytest's own limit


def test_a_line_without_end_is_passed_on_in_pieces() -> None:
    endless = "head -c 200000 /dev/zero | tr '\\0' x; exec sleep 60"
    with supervised(shell("web", endless)) as it:
        assert len(it.wait_for("x+")[0]) >= 65_536


def test_colours_are_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, colourful = io.StringIO(), io.StringIO()
    monkeypatch.setattr(colourful, "isatty", lambda: True)
    for stream in (plain, colourful):
        Terminal(stream).line("web", "hello")
    assert plain.getvalue() == "web    | hello\n"
    assert colourful.getvalue() == "\033[36mweb    |\033[0m hello\n"


# --- Starting again -------------------------------------------------------------------------------


def test_a_crashed_program_is_started_again_later_each_time() -> None:
    with supervised(shell("web", "exit 3")) as it:
        for delay in ("0.05", "0.1", "0.2"):
            it.wait_for(rf"web ended with exit code 3. It is started again in {delay} s")


def test_a_crash_loop_is_said() -> None:
    with supervised(shell("web", "exit 3")) as it:
        it.wait_for("web ended 5 times in a row, soon after each start")


def test_a_crash_loop_is_said_once_a_series() -> None:
    backoff, said = Backoff(loop_of=3), []
    for lived in (1, 1, 1, 1, 99, 1, 1):
        backoff.failed(lived=lived)
        said.append(backoff.is_looping)
    assert said == [False, False, True, False, False, False, True]


def test_a_killed_program_is_back_and_its_neighbour_untouched() -> None:
    with supervised(shell("web", FOREVER)) as it:
        first = it.pid_of("web")
        os.kill(first, signal.SIGKILL)
        it.wait_for("web was ended by SIGKILL")
        assert it.pid_of("web") != first


def test_what_a_crashed_program_leaves_running_is_ended() -> None:
    with supervised(shell("web", "sleep 600 & echo up $!; exit 1")) as it:
        grandchild = it.pid_of("web")
        it.wait_for("web ended with exit code 1")
        assert eventually(lambda: not is_running(grandchild))


def test_a_program_that_does_not_exist_is_said_and_tried_again() -> None:
    with supervised({"name": "web", "argv": ["/no/such/program"]}) as it:
        it.wait_for("web cannot be started: .*No such file")
        it.wait_for("web cannot be started: .*No such file")


def test_a_program_that_was_well_for_a_while_has_a_clean_record() -> None:
    backoff = Backoff(first=0.5, longest=4, healthy_after=30)
    assert [backoff.failed(lived=1) for _ in range(5)] == [0.5, 1, 2, 4, 4]
    assert backoff.failed(lived=31) == 0.5


def test_a_program_may_leave_the_first_moments_to_others() -> None:
    with supervised(
        shell("later", FOREVER, start_delay=0.5), shell("first", "echo up $$; sleep 0.2; exit 1")
    ) as it:
        it.wait_for("first ended")
        it.pid_of("later")
    assert not any(line.startswith("later") for line in it.printed[:-1])


# --- Stopping -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_no_process_not_even_grandchildren(number: signal.Signals) -> None:
    with supervised(shell("web", WITH_GRANDCHILD), shell("worker", FOREVER)) as it:
        pids = [it.pid_of(name) for name in ("web", "worker")]
        it.send(number)
        assert it.end() == 0
        assert not any(is_running(pid) for pid in pids)
    assert "Stopping. Press Ctrl-C again to stop at once." in it.printed


def test_a_program_may_finish_its_work_before_it_stops() -> None:
    work = "trap 'sleep 0.3; echo finished; exit' TERM; echo up $$; while :; do sleep 0.05; done"
    with supervised(shell("web", work)) as it:
        it.pid_of("web")
        it.send(signal.SIGTERM)
        it.end()
    assert "web    | finished" in it.printed


def test_a_program_that_does_not_stop_in_time_is_killed() -> None:
    with supervised(shell("web", STUBBORN, stop_seconds=0.3)) as it:
        pid = it.pid_of("web")
        it.send(signal.SIGTERM)
        assert it.end() == 0
        assert not is_running(pid)
    assert "web did not stop in time and is killed." in it.printed


def test_a_second_ctrl_c_stops_at_once() -> None:
    with supervised(shell("web", STUBBORN, stop_seconds=60)) as it:
        pid = it.pid_of("web")
        it.send(signal.SIGINT)
        it.wait_for("Stopping")
        it.send(signal.SIGINT)
        it.end()
        assert not is_running(pid)


def test_a_stop_while_a_program_waits_for_its_next_start_is_not_delayed() -> None:
    with supervised(shell("web", "exit 1")) as it:
        it.wait_for("again in 0.8 s")
        it.send(signal.SIGTERM)
        assert it.end() == 0


def test_kill_9_of_the_supervisor_leaves_no_process_not_even_grandchildren() -> None:
    with supervised(shell("web", WITH_GRANDCHILD), shell("worker", FOREVER)) as it:
        pids = [it.pid_of(name) for name in ("web", "worker")]
        it.process.kill()
        # Within less than the ten seconds after which the stubborn are killed.
        assert eventually(lambda: not any(is_running(pid) for pid in pids), within=8)


def test_a_closed_terminal_stops_everything() -> None:
    with supervised(shell("web", "echo up $$; while :; do echo tick; sleep 0.05; done")) as it:
        pid = it.pid_of("web")
        assert it.process.stdout
        it.process.stdout.close()
        assert it.process.wait(20) == 0
        assert not is_running(pid)


# --- Reloading ------------------------------------------------------------------------------------


def test_a_hang_up_reloads_what_can_reload_and_restarts_the_rest_one_after_another() -> None:
    reloads = "trap 'echo reloaded' HUP; echo up $$; while :; do sleep 0.05; done"
    slow = "trap 'sleep 0.3; echo down; exit' TERM; echo up $$; while :; do sleep 0.05; done"
    with supervised(
        shell("web", reloads, reloads=True), shell("worker", slow), shell("beat", slow)
    ) as it:
        for _ in range(3):
            it.wait_for(r"\| up \d+$")
        it.printed.clear()
        it.send(signal.SIGHUP)
        it.wait_for("^beat +[|] up")
    told = [line.rpartition(" ")[0] if " up " in line else line for line in it.printed]
    assert "web    | reloaded" in told
    told.remove("web    | reloaded")
    order = ["worker | down", "worker | up", "beat   | down", "beat   | up"]
    assert told == ["Reloading.", *order]


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
        instance.check_address(address)


def test_a_free_port_is_no_reason_to_stop(free_port: int) -> None:
    instance.check_address(Address("127.0.0.1", free_port))


class _Health(BaseHTTPRequestHandler):
    """Answers as Django does: only to its own name."""

    def do_GET(self) -> None:
        known = (self.path, self.headers["Host"]) == ("/api/health/live", "rally.test")
        self.send_response(200 if known else 400)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("allowed", "why_not"),
    [("rally.test,other", ""), (".rally.test", ""), ("other", "it answers 400")],
)
def test_a_container_is_alive_when_its_web_server_answers(allowed: str, why_not: str) -> None:
    with HTTPServer(("127.0.0.1", 0), _Health) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        environ = {"BIND": f"0.0.0.0:{server.server_port}", "ALLOWED_HOSTS": allowed}
        assert why_not_alive(environ) == why_not
        thread.join()


def test_a_container_whose_web_server_is_gone_is_not_alive(free_port: int) -> None:
    assert "ConnectionRefusedError" in why_not_alive({"BIND": f"0.0.0.0:{free_port}"})


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
        it = Supervised(process)
        url = it.wait_for("Rallypoint is ready: (http://.*)$")[1]
        assert urllib.request.urlopen(f"{url}/ping").read() == b"pong"  # noqa: S310 - ours
        everything = children_of(process.pid)
        assert len(everything) > 10
        it.send(signal.SIGINT)
        assert it.process.wait(60) == 0
        assert not any(is_running(pid) for pid in everything)
