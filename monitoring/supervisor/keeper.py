"""One program and its life: started, watched, reloaded, stopped, started again."""

import signal
import subprocess
import time
from enum import Enum, auto

from monitoring.embedded.lifeline import end_with_parent
from monitoring.supervisor.backoff import Backoff
from monitoring.supervisor.output import Output
from monitoring.supervisor.program import Program
from monitoring.supervisor.remains import Remains, signal_group
from monitoring.supervisor.terminal import Terminal


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
        self._output: Output | None = None
        self._remains: Remains | None = None
        self._wish = Wish.RUN
        self._started_at = 0.0
        self._start_at = time.monotonic() + program.start_delay
        self._kill_at = float("inf")

    @property
    def group(self) -> int | None:
        """The process group while it runs; its leader is the program itself."""
        return self._process.pid if self._process else None

    @property
    def groups(self) -> list[int]:
        """All of it that runs: of an earlier life, too."""
        earlier = [self._remains.group] if self._remains else []
        return [*earlier, *([self.group] if self.group else [])]

    @property
    def is_done(self) -> bool:
        return self._wish is Wish.STOP and self._process is None

    @property
    def is_restarting(self) -> bool:
        return self._wish is Wish.RESTART

    def tick(self) -> None:
        now = time.monotonic()
        if self._remains and not self._remains.are_there(now):
            self._forget_remains()
        if self._process and self._output:
            self._output.pass_on()
            if self._process.poll() is not None:
                self._ended(self._process, now)
            elif now >= self._kill_at:
                self._terminal.warn(f"{self.program.name} did not stop in time and is killed.")
                self.kill()
        elif self._wish is not Wish.STOP and now >= self._start_at:
            self._start(now)

    def stop(self) -> None:
        self._forget_remains()
        self._terminate(Wish.STOP)

    def reload(self) -> None:
        if self._process and self.program.reload_signal:
            self._process.send_signal(self.program.reload_signal)
        else:
            self._terminate(Wish.RESTART)

    def kill(self) -> None:
        """The whole group, at once."""
        if self._process:
            signal_group(self._process.pid, signal.SIGKILL)
            self._kill_at = float("inf")

    @property
    def output(self) -> int | None:
        """The descriptor of its output, until it has closed it."""
        return self._output.descriptor if self._output else None

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
            assert self._process.stdout  # noqa: S101 - for mypy: it was asked for above
            self._output = Output(self.program.name, self._process.stdout, self._terminal)

    def _terminate(self, wish: Wish) -> None:
        """The leader only: it knows how to end its workers. What it leaves then is killed."""
        self._wish, self._start_at = wish, 0.0
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._kill_at = time.monotonic() + self.program.stop_seconds

    def _ended(self, process: subprocess.Popen[bytes], now: float) -> None:
        assert self._output  # noqa: S101 - for mypy: whoever was started has one
        if self._wish is Wish.RUN:
            self._forget_remains()
            self._remains = Remains(process.pid, self._output, now)
        else:
            signal_group(process.pid, signal.SIGKILL)
            self._output.close()
        self._process, self._output, self._kill_at = None, None, float("inf")
        if self._wish is Wish.RUN:
            self._wait_after(_how_it_ended(process.returncode), now)

    def _forget_remains(self) -> None:
        if self._remains:
            self._remains.kill()
            self._remains.close()
            self._remains = None

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


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
