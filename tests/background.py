"""Celery's worker and beat as real processes beside a stack, kept alive as an instance does it."""

import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from benchmarks import PROJECT
from monitoring.supervisor.backoff import Backoff
from monitoring.supervisor.keeper import Keeper
from monitoring.supervisor.program import Program
from monitoring.supervisor.terminal import Terminal
from tests.stack import Stack

# Who works on then is killed, which loses nothing.
_STOPPED_WITHIN = 3


class Background:
    """Works inside of `with`; `stop` and `start` in between. Celery's worker ends itself when Redis
    goes at the wrong moment, and beat when PostgreSQL does: then each is started again. A beat
    inside of the worker would stay away."""

    def __init__(self, stack: Stack, *, processes: int = 1, app: str = "config") -> None:
        """`app`: a module of tests that changes what the worker does, for one."""
        self._stack, self._app = stack, app
        self._processes = processes
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._open.close()

    def start(self) -> None:
        self._worker = self._keeper("worker", "-c", str(self._processes))
        self._beat = self._keeper("beat")
        self._keeping = Thread(target=self._keep, args=(self._worker, self._beat))
        self._keeping.start()

    def _keeper(self, name: str, *options: str) -> Keeper:
        log = self._open.enter_context((self._stack.directory / f"{name}.log").open("a"))
        argv = [sys.executable, "-m", "celery", "-A", self._app, name, *options]
        program = Program(name, argv, self._stack.env, PROJECT, stop_seconds=_STOPPED_WITHIN)
        return Keeper(program, Terminal(log), Backoff(longest=1))

    def stop(self) -> None:
        self._beat.stop()
        self._worker.stop()
        self._keeping.join()

    def beat(self) -> list[int]:
        return [self._beat.group] if self._beat.group else []

    def processes(self) -> list[int]:
        """The worker itself, and those that do its work; none while it is started."""
        if (parent := self._worker.group) is None:
            return []
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except FileNotFoundError:
            return []
        return [parent, *map(int, children.split())]

    def kill(self, pid: int) -> None:
        """At once; it may have gone by itself."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _keep(self, *keepers: Keeper) -> None:
        while not all(keeper.is_done for keeper in keepers):
            for keeper in keepers:
                keeper.tick()
            time.sleep(0.1)
