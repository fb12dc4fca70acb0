"""What there is to break: the product's processes as a supervisor keeps them, and its stores."""

import os
import signal
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from monitoring.supervisor import instance
from monitoring.supervisor.backoff import Backoff
from monitoring.supervisor.keeper import Keeper
from monitoring.supervisor.terminal import Terminal
from tests.background import Background
from tests.chaos.campaign.clock import Clock
from tests.chaos.campaign.gates import Gates
from tests.stack import Stack, wait_until


def send(how: signal.Signals, pids: list[int]) -> None:
    """To those that still are."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, how)


class Web:
    """The stack's web server in the supervisor's hands, from `with` on: its arbiter may be killed,
    and is started again."""

    def __init__(self, stack: Stack, application: str) -> None:
        self._stack, self._application = stack, application
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._stack.stop_web()
        log = self._open.enter_context((self._stack.directory / "web.log").open("a"))
        listener = self._open.enter_context(
            instance.bound(instance.Address("127.0.0.1", self._stack.port))
        )
        listener.listen(instance.BACKLOG)
        program = instance.web(listener, self._stack.env, application=self._application)
        self._keeper = Keeper(program, Terminal(log), Backoff(longest=1))
        self._keeping = Thread(target=self._keep)
        self._keeping.start()
        wait_until(self._stack.answers, seconds=60)
        wait_until(self.is_complete, seconds=60)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._keeper.stop()
        self._keeping.join()
        self._open.close()

    def arbiter(self) -> list[int]:
        return [self._keeper.group] if self._keeper.group else []

    def workers(self) -> list[int]:
        children = [Path(f"/proc/{pid}/task/{pid}/children") for pid in self.arbiter()]
        try:
            return [int(pid) for file in children for pid in file.read_text().split()]
        except FileNotFoundError:
            return []

    def is_complete(self) -> bool:
        return len(self.workers()) == int(self._stack.env["WEB_CONCURRENCY"])

    def reload(self) -> None:
        """Until every worker has been replaced."""
        before = set(self.workers())
        send(signal.SIGHUP, self.arbiter())
        wait_until(lambda: self.is_complete() and before.isdisjoint(self.workers()), seconds=60)

    def _keep(self) -> None:
        while not self._keeper.is_done:
            self._keeper.tick()
            time.sleep(0.05)


@dataclass(frozen=True)
class Field:
    """Every process of the product reaches PostgreSQL and Redis through `gates`, and asks `clock`
    what time it is."""

    stack: Stack
    web: Web
    background: Background
    gates: Gates
    clock: Clock
