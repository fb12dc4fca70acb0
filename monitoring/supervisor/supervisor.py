"""The loop: signals in, lines out, and every program in the state it should be in."""

import os
import selectors
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from monitoring.supervisor.backoff import Backoff
from monitoring.supervisor.guardian import Guardian
from monitoring.supervisor.keeper import Keeper
from monitoring.supervisor.program import Program
from monitoring.supervisor.terminal import Terminal

_TICK = 0.1
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
# Called on every tick until it says that it is done; it must be quick.
Chore = Callable[[], bool]


class Supervisor:
    """Ctrl-C or SIGTERM stops in order, a second one at once; SIGHUP reloads."""

    def __init__(
        self,
        programs: Sequence[Program],
        terminal: Terminal,
        *,
        chores: Sequence[Chore] = (),
        on_stop: Callable[[], object] = lambda: None,
        first_delay: float = 0.5,
    ) -> None:
        self._keepers = [Keeper(each, terminal, Backoff(first_delay)) for each in programs]
        self._terminal = terminal
        self._chores = list(chores)
        self._on_stop = on_stop
        self._stop_requests = 0
        self._reload_requested = False
        self._stopping = False
        self._to_reload: list[Keeper] = []

    def run(self) -> None:
        """Until it is told to stop and everything has."""
        guardian = Guardian()
        groups: list[int] = []
        with self._signals() as wake_up:
            while not all(keeper.is_done for keeper in self._keepers):
                self._obey()
                for keeper in self._keepers:
                    keeper.tick()
                if (running := self._groups()) != groups:
                    groups = running
                    guardian.watch(groups)
                self._chores = [] if self._stopping else [c for c in self._chores if not c()]
                self._wait(wake_up)
        guardian.dismiss()

    def _obey(self) -> None:
        if (self._stop_requests or self._terminal.is_lost) and not self._stopping:
            self._stopping = True
            self._on_stop()
            self._terminal.say("Stopping. Press Ctrl-C again to stop at once.")
            for keeper in self._keepers:
                keeper.stop()
        if self._stop_requests > 1:
            for keeper in self._keepers:
                keeper.kill()
        self._reload()

    def _reload(self) -> None:
        """One after another: the next begins when the one before is started again."""
        if self._reload_requested and not self._stopping:
            self._reload_requested = False
            self._to_reload = list(self._keepers)
            self._terminal.say("Reloading.")
        while self._to_reload and not self._stopping:
            if any(keeper.is_restarting for keeper in self._keepers):
                return
            self._to_reload.pop(0).reload()

    def _groups(self) -> list[int]:
        return [group for keeper in self._keepers for group in keeper.groups]

    def _wait(self, wake_up: int) -> None:
        """For output, a signal, or the next tick."""
        with selectors.DefaultSelector() as selector:
            selector.register(wake_up, selectors.EVENT_READ)
            for keeper in self._keepers:
                if keeper.output is not None:
                    selector.register(keeper.output, selectors.EVENT_READ, keeper)
            for key, _ in selector.select(_TICK):
                if key.data is None:
                    os.read(wake_up, 1024)

    @contextmanager
    def _signals(self) -> Iterator[int]:
        """A descriptor that becomes readable at every signal, so that none waits for a tick."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        before = {number: signal.signal(number, self._on_signal) for number in _HANDLED}
        before_fd = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        try:
            yield read
        finally:
            signal.set_wakeup_fd(before_fd)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(read)
            os.close(write)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number in {signal.SIGINT, signal.SIGTERM}:
            self._stop_requests += 1
        elif number == signal.SIGHUP:
            self._reload_requested = True
