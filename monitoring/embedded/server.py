"""What PostgreSQL and Valkey have in common: start, be ready, stop, and never be there twice."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from monitoring.embedded.account import Account
from monitoring.embedded.errors import EmbeddedServerError
from monitoring.embedded.lifeline import end_with_parent

_READY_WITHIN = 120.0  # recovery after a crash reads at most max_wal_size, or the whole AOF
_ATTEMPTS = 3
_LOG_LIMIT = 10_000_000


class Server(ABC):
    """One server process in a directory of its own."""

    name: str
    # What ends it, mildest first, and how many seconds each is given.
    stop_signals: tuple[tuple[signal.Signals, float], ...]

    def __init__(self, directory: Path, account: Account, *, temporary: bool) -> None:
        self.directory = directory
        self.home = directory / self.name
        self.account = account
        self.temporary = temporary
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = directory / "log" / f"{self.name}.log"
        self._log_start = 0

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def prepare(self) -> None:
        """Make the data directory ready for a start."""

    @abstractmethod
    def argv(self) -> list[str]: ...

    @abstractmethod
    def stdin(self) -> bytes: ...

    @abstractmethod
    def is_ready(self) -> bool: ...

    @abstractmethod
    def recorded_pid(self) -> int | None:
        """The pid that the server itself left in its directory."""

    @property
    def marker(self) -> str:
        """Part of the server's command line, by which it is told from a process with a reused pid.

        The working directory of another user's process can't always be read; this can.
        """
        return f"rallypoint-{sha256(bytes(self.home.resolve())).hexdigest()[:16]}"

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        self.end_leftover()
        self.prepare()
        fixed_port = self.port != 0  # somebody was told the URL already
        for attempt in range(_ATTEMPTS):
            time.sleep(attempt / 2)  # a dying backend may still hold the shared memory
            self.port = self.port if fixed_port else self.choose_port()
            self._launch()
            if self._becomes_ready():
                return
        raise EmbeddedServerError(f"{self.name} does not start ({self._log}): {self._last_words()}")

    def choose_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process:
            process = self._process
            end(process.pid, self.stop_signals, gone=lambda: process.poll() is not None)

    def end_leftover(self) -> None:
        """Wait for, or end, what a killed supervisor left running on the same data."""
        pid = self.recorded_pid()
        if pid is None or not is_ours(pid, self.marker):
            return
        if not end(pid, self.stop_signals, gone=lambda: not is_ours(pid, self.marker)):
            raise EmbeddedServerError(
                f"An old {self.name} (process {pid}) does not end. Kill it, then start again."
            )

    def run_once(self, argv: list[str], *, stdin: bytes = b"", cwd: Path | None = None) -> None:
        """A command on the data, as the servers' user; its error becomes ours."""
        done = subprocess.run(
            argv,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd or self.home,
            env=environment(),
            check=False,
            start_new_session=True,
            **self.account.popen,
        )
        if done.returncode != 0:
            command = Path(argv[0]).name
            raise EmbeddedServerError(f"{command} failed: {last_lines(done.stdout)}")

    def _launch(self) -> None:
        self._log.parent.mkdir(exist_ok=True)
        if self._log.exists() and self._log.stat().st_size > _LOG_LIMIT:
            self._log.replace(self._log.with_suffix(".log.1"))
        self._log.touch(mode=0o600)
        with self._log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self.argv(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env=environment(),
                start_new_session=True,  # Ctrl-C is for the programs; the servers stop after them
                preexec_fn=end_with_parent(self.stop_signals[0][0]),  # noqa: PLW1509 - no thread yet
                **self.account.popen,
            )
        self._hand_over_stdin(self._process)

    def _hand_over_stdin(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin  # noqa: S101 - for mypy: it was asked for above
        try:
            process.stdin.write(self.stdin())
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended already; its log says why

    def _becomes_ready(self) -> bool:
        deadline = time.monotonic() + _READY_WITHIN
        while self.is_alive():
            if self.is_ready():
                return True
            if time.monotonic() > deadline:
                self.stop()
                break
            time.sleep(0.02)
        return False

    def _last_words(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return last_lines(log.read())


def is_ours(pid: int, marker: str) -> bool:
    """Whether `pid` is alive (a zombie is not) and has `marker` on its command line."""
    try:
        return marker.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self/cmdline").exists():
            return False
    listed = subprocess.run(  # no /proc on this system
        ["/bin/ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return marker in listed.stdout


def end(
    pid: int, signals: tuple[tuple[signal.Signals, float], ...], *, gone: Callable[[], bool]
) -> bool:
    """Send each signal in turn and wait its seconds for `gone`."""
    for number, seconds in signals:
        if not gone():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while not gone():
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return True
    return False


def environment() -> dict[str, str]:
    """Nothing of the caller's PG* and LC_* may reach a server."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC"}


def last_lines(output: bytes, *, count: int = 4) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-count:]) or "it printed nothing"
