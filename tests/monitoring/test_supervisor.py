"""The supervisor over real processes."""

import contextlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from monitoring.supervisor import Program, Terminal
from monitoring.supervisor.backoff import Backoff
from monitoring.supervisor.instance import PROJECT
from monitoring.supervisor.keeper import Keeper
from tests.monitoring.processes import Printing, eventually, is_running

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


@contextlib.contextmanager
def supervised(*programs: dict[str, Any]) -> Iterator[Printing]:
    command = [sys.executable, "-c", SUPERVISOR, json.dumps(programs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            yield Printing(process)
        finally:
            process.kill()


def shell(name: str, script: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "argv": ["/bin/sh", "-c", script], **options}


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


def test_who_comes_while_a_server_is_started_again_waits_and_is_answered() -> None:
    """Its listener is the supervisor's; each life answers one caller and dies."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serve = (
            "import os, signal, socket;"
            f"caller, _ = socket.socket(fileno={listener.fileno()}).accept();"
            "caller.sendall(b'hello'); caller.close(); os.kill(os.getpid(), signal.SIGKILL)"
        )
        argv, fds = [sys.executable, "-c", serve], (listener.fileno(),)
        program = Program("web", argv, os.environ, inherits=fds)
        keeper = Keeper(program, Terminal(io.StringIO()), Backoff(first=0.05))

        def has_answered(caller: socket.socket) -> bool:
            keeper.tick()
            return bool(select.select([caller], [], [], 0.01)[0])

        for _ in range(3):
            with socket.create_connection(listener.getsockname(), timeout=5) as caller:
                assert eventually(lambda caller=caller: has_answered(caller))
                assert caller.recv(9) == b"hello"
        keeper.stop()
        keeper.kill()


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
        shell("later", FOREVER, start_delay=1.5), shell("first", "echo up $$; exit 1")
    ) as it:
        it.wait_for("first ended")
        it.pid_of("later")
    assert not any(line.startswith("later") for line in it.printed[:-1])


# --- Stopping -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_no_process_not_even_grandchildren(number: signal.Signals) -> None:
    with supervised(shell("web", WITH_GRANDCHILD), shell("worker", FOREVER)) as it:
        pids = it.pids_of("web", "worker")
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
        pids = it.pids_of("web", "worker")
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
