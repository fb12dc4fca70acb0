"""One program and its life: started, watched, reloaded, stopped, started again."""

import contextlib
import os
import signal
import subprocess
import time
from enum import Enum, auto

from monitoring.embedded.lifeline import end_with_parent
from monitoring.supervisor.backoff import Backoff
from monitoring.supervisor.program import Program
from monitoring.supervisor.terminal import Lines, Terminal

_CHUNK = 65_536
_CHUNKS_A_TICK = 64  # a program that never pauses must not keep us from the others


class Wish(Enum):
    """What shall happen when the process ends."""

    RUN = auto()  # it was not asked to: back off, then start it again
    RESTART = auto()  # start it again at once
    STOP = auto()


class Keeper:
    """Its `tick` never blocks; the supervisor calls it several times a second."""

    def __init__(self, program: Program, terminal: Terminal, backoff: Backoff) -> None:
        self.program = program
        self._terminal = terminal
        self._backoff = backoff
        self._process: subprocess.Popen[bytes] | None = None
        self._lines = Lines()
        self._wish = Wish.RUN
        self._started_at = 0.0
        self._start_at = time.monotonic() + program.start_delay
        self._kill_at = float("inf")

    @property
    def group(self) -> int | None:
        """The process group while it runs; its leader is the program itself."""
        return self._process.pid if self._process else None

    @property
    def is_done(self) -> bool:
        return self._wish is Wish.STOP and self._process is None

    @property
    def is_restarting(self) -> bool:
        return self._wish is Wish.RESTART

    def tick(self) -> None:
        now = time.monotonic()
        if self._process:
            self._pass_on_output()
            if self._process.poll() is not None:
                self._ended(self._process, now)
            elif now >= self._kill_at:
                self._terminal.warn(f"{self.program.name} did not stop in time and is killed.")
                self.kill()
        elif self._wish is not Wish.STOP and now >= self._start_at:
            self._start(now)

    def stop(self) -> None:
        self._terminate(Wish.STOP)

    def reload(self) -> None:
        if self._process and self.program.reload_signal:
            self._process.send_signal(self.program.reload_signal)
        else:
            self._terminate(Wish.RESTART)

    def kill(self) -> None:
        """The whole group, at once."""
        if self._process:
            _kill_group(self._process.pid)
            self._kill_at = float("inf")

    @property
    def output(self) -> int | None:
        """The descriptor of its output, until it has closed it."""
        pipe = self._process.stdout if self._process else None
        return pipe.fileno() if pipe and not pipe.closed else None

    def _pass_on_output(self) -> None:
        for _ in range(_CHUNKS_A_TICK):
            if self.output is None or not self._pass_on_chunk(self.output):
                return

    def _pass_on_chunk(self, output: int) -> bool:
        """Whether there was anything."""
        try:
            chunk = os.read(output, _CHUNK)
        except BlockingIOError:
            return False
        for line in self._lines.feed(chunk):
            self._terminal.line(self.program.name, line)
        if not chunk:
            self._close_output()
        return bool(chunk)

    def _close_output(self) -> None:
        if self._process and self._process.stdout:
            self._process.stdout.close()

    def _start(self, now: float) -> None:
        self._wish, self._started_at = Wish.RUN, now
        try:
            self._process = subprocess.Popen(
                self.program.argv,
                env=self.program.env,
                cwd=self.program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=self.program.inherits,
                start_new_session=True,  # Ctrl-C comes to us alone, and its group can be killed
                preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - there is one thread
            )
        except OSError as error:
            self._wait_after(f"cannot be started: {error}", now)
        else:
            os.set_blocking(self._process.stdout.fileno(), False)  # type: ignore[union-attr]

    def _terminate(self, wish: Wish) -> None:
        """The leader only: it knows how to end its workers. What it leaves is killed after it."""
        self._wish, self._start_at = wish, 0.0
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._kill_at = time.monotonic() + self.program.stop_seconds

    def _ended(self, process: subprocess.Popen[bytes], now: float) -> None:
        _kill_group(process.pid)
        self._pass_on_output()
        for line in self._lines.end():
            self._terminal.line(self.program.name, line)
        self._close_output()
        self._process, self._kill_at = None, float("inf")
        if self._wish is Wish.RUN:
            self._wait_after(_how_it_ended(process.returncode), now)

    def _wait_after(self, what: str, now: float) -> None:
        delay = self._backoff.failed(lived=now - self._started_at)
        self._start_at = now + delay
        name = self.program.name
        self._terminal.warn(f"{name} {what}. It is started again in {delay:g} s.")
        if self._backoff.is_looping:
            self._terminal.warn(
                f"{name} ended {self._backoff.failures} times in a row, soon after each start: "
                f"see its last lines above. It is tried again every {self._backoff.longest:g} s."
            )


def _kill_group(group: int) -> None:
    # macOS says PermissionError of a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
