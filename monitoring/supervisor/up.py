"""Brings a whole instance up, from an empty directory to the URL in the banner."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from monitoring.embedded import EmbeddedServerError, EmbeddedServers
from monitoring.embedded.lifeline import end_with_parent
from monitoring.supervisor import instance
from monitoring.supervisor.errors import CannotStart
from monitoring.supervisor.instance import Address
from monitoring.supervisor.supervisor import Chore, Supervisor
from monitoring.supervisor.terminal import Terminal

_REVIVE_EVERY = 1.0
_REVIVE_AFTER_FAILURE = 10.0


def up(
    address: Address, environ: Mapping[str, str], terminal: Terminal, *, with_demo: bool
) -> None:
    """Returns when the instance was told to stop; raises CannotStart or EmbeddedServerError."""
    var = instance.var_directory(environ)
    with instance.bound(address) as listener:
        instance.prepare_directory(var)
        instance.note_address(var, address)
        env = instance.environment(environ, address, var)
        terminal.say(f"Rallypoint is starting. Its data are in {var}")
        with EmbeddedServers(
            var, database_url=env.get("DATABASE_URL", ""), redis_url=env.get("REDIS_URL", "")
        ) as servers:
            env |= {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
            migrate = instance.manage("migrate", "--no-input", "--verbosity", "0")
            _run("migrate", migrate, env, terminal)
            told = _load_demo(var, env, terminal) if with_demo else []
            banner = [f"Rallypoint is ready: {env['PUBLIC_URL']}", *told, *_watching(address, env)]
            chores: list[Chore] = [
                _Announcement(address, banner, terminal),
                _Revival(servers, terminal),
            ]
            listener.listen(instance.BACKLOG)
            programs = instance.programs(address, listener, env)
            # Who comes while we stop is refused, and does not wait for nobody.
            Supervisor(programs, terminal, chores=chores, on_stop=listener.close).run()


def _load_demo(var: Path, env: Mapping[str, str], terminal: Terminal) -> list[str]:
    """Once, so that an operator who cleared the demo does not get it back; its last words."""
    done = var / "demo_loaded"
    if done.exists() or not instance.has_demo():
        return []
    lines = _run("demo", instance.manage("demo", "load", "--if-empty"), env, terminal)
    done.touch()
    return lines


def _watching(address: Address, env: Mapping[str, str]) -> list[str]:
    """Where it is watched. The monitor comes over loopback, which needs no token."""
    url, here = env["PUBLIC_URL"], Address(address.reachable_host, address.port)
    return [
        f"How it is: {url}/status, for operators {url}/admin/operations/",
        f"In a terminal: .venv/bin/python manage.py monitor --url http://{here}",
    ]


def _run(name: str, argv: list[str], env: Mapping[str, str], terminal: Terminal) -> list[str]:
    """A step to its end; its lines are passed on and returned."""
    lines = []
    with subprocess.Popen(
        argv,
        env=env,
        cwd=instance.PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # warnings and progress go where ours go
        text=True,
        errors="replace",
        preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - there is one thread
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            terminal.line(name, lines[-1])
    if process.returncode != 0:
        raise CannotStart(f"{name} failed with exit code {process.returncode}: see above.")
    return lines


class _Announcement:
    """Says the URL once it answers, as the last thing that the eye meets."""

    def __init__(self, address: Address, lines: list[str], terminal: Terminal) -> None:
        self._address = (address.reachable_host, address.port)
        self._lines = lines
        self._terminal = terminal
        self._asked: socket.socket | None = None

    def __call__(self) -> bool:
        if not self._is_answered():
            return False
        rule = "-" * max(map(len, self._lines))
        for line in (rule, *self._lines, "Ctrl-C stops it.", rule):
            self._terminal.say(line)
        return True

    def _is_answered(self) -> bool:
        """One request, left open until a worker is there to answer it."""
        try:
            self._asked = self._asked or self._ask()
            answer = self._asked.recv(16)
        except BlockingIOError:
            return False
        except OSError:
            answer = b""
        if self._asked:
            self._asked.close()
        self._asked = None
        return answer.startswith(b"HTTP/") and answer[9:10] != b"5"

    def _ask(self) -> socket.socket:
        # rule: network - to the web server that it has started
        connection = socket.create_connection(self._address, timeout=1)
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        connection.settimeout(0)
        return connection


class _Revival:
    """Starts the embedded servers again when one dies; the programs reconnect by themselves."""

    def __init__(
        self,
        servers: EmbeddedServers,
        terminal: Terminal,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = servers
        self._terminal = terminal
        self._clock = clock
        self._next = 0.0

    def __call__(self) -> bool:
        if self._clock() < self._next:
            return False
        self._next = self._clock() + _REVIVE_EVERY
        try:
            for name in self._servers.revive():
                self._terminal.warn(f"{name} had ended and was started again.")
        except (EmbeddedServerError, OSError) as error:
            self._terminal.warn(f"{error} It is tried again in {_REVIVE_AFTER_FAILURE:g} s.")
            self._next = self._clock() + _REVIVE_AFTER_FAILURE
        return False
