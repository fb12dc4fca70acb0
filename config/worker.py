"""gunicorn's own asgi worker, leaving in steps, so that a reload fails nobody's request.

One that has grown over WORKER_MAX_MEMORY_MB leaves in the same way, and gunicorn starts another.

gunicorn tells the old workers to go as soon as the new ones are forked. Importing the application
takes seconds, in which nobody would answer; and a keep-alive client that was not told would send
its next request into a closing connection. So on SIGTERM a worker
1. serves on until its successors do (a reload), or goes on at once (a stop);
2. takes no new connections, and says `Connection: close` with every answer;
3. stops as gunicorn does.
"""

import asyncio
import ctypes
import gc
import math
import multiprocessing
import signal
import time
from contextlib import suppress
from typing import Any

import structlog
from gunicorn.workers.gasgi import ASGIWorker

from config import http, websocket
from config.accepting import Acceptor
from monitoring.health import draining
from monitoring.health.memory import resident

logger = structlog.get_logger("rallypoint.worker")

SUCCESSORS_WITHIN = 25.0
# Time for every busy client to be told to close; idle ones are closed by the keep-alive time-out.
FAREWELL = 1.0
RETIREMENTS_APART = 30.0
_M_MMAP_THRESHOLD = -3  # of malloc.h
_BIG_BLOCK = 256 * 1024

_LEAVE_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

# Shared by the arbiter and all workers: how many workers have begun to serve since the start, and
# how many must have, until the workers of before the last reload may go.
_serving = multiprocessing.Value("L", 0)
_expected = multiprocessing.Value("L", 0)
# By the clock of the machine: when a worker retired last. The others go on meanwhile.
_retired_at = multiprocessing.Value("d", -math.inf)
_most_memory = 0


def expect_successors(workers: int) -> None:
    """In the arbiter, before it forks `workers` successors."""
    _expected.value = _serving.value + workers


def limit_memory(megabytes: int) -> None:
    """In the arbiter, before it forks anybody; 0 is no limit."""
    global _most_memory  # noqa: PLW0603 - a setting of all workers
    _most_memory = megabytes * 1024 * 1024


def _take_turn_to_retire() -> bool:
    """One at a time: a successor has to serve before the next one goes."""
    with _retired_at.get_lock():
        now = time.monotonic()
        if now < _retired_at.value + RETIREMENTS_APART:
            return False
        _retired_at.value = now
        return True


def end_on_signals() -> None:
    """While a worker boots it serves nobody: told to go, it may simply end."""
    for number in _LEAVE_SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def _spare_heap() -> None:
    """What was imported stays as long as the process: the collector need not visit it again. And
    it need not look after every 700 objects: a request leaves few cycles behind
    (bodies that are big are looked after in monitoring/bodies.py)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _give_big_blocks_back() -> None:
    """glibc, once it has freed a block of 10 MiB, keeps all up to that size for later, in an arena
    of each thread: 8 bodies at a time, again and again, grew a worker to 900 MiB. With a limit that
    is set, it gives them back at once. Other C libraries lack the call."""
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _BIG_BLOCK)


class Worker(ASGIWorker):
    _serves = False
    _leaving: asyncio.Task[None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._acceptors: list[Acceptor] = []

    def init_signals(self) -> None:
        super().init_signals()
        # uvloop hears signals only while it runs; one that comes during the imports would be lost.
        end_on_signals()

    async def _serve(self) -> None:
        websocket.install()
        http.install()
        for number in _LEAVE_SIGNALS:
            leaves = number == signal.SIGTERM
            handle = self.handle_exit_signal if leaves else self.handle_quit_signal
            self.loop.add_signal_handler(number, handle)
        _spare_heap()
        _give_big_blocks_back()
        await super()._serve()

    def notify(self) -> None:
        """gunicorn's heartbeat; the first one is given when the sockets are being listened to."""
        super().notify()
        if not self._serves:
            self._serves = True
            self._accept_many()
            with _serving.get_lock():
                _serving.value += 1
        elif self._leaving is None and 0 < _most_memory < (used := resident()):
            self._retire(used)

    def _accept_many(self) -> None:
        """asyncio's server has cut the queue of connections to 100, whatever gunicorn made it: who
        finds it full asks again after a second, then after three."""
        for listener in self.sockets:
            listener.sock.listen(self.cfg.backlog)
            if self.cfg.is_ssl:  # which is asyncio's server's to speak
                continue
            self._acceptors.append(Acceptor(self.loop, listener.sock, lambda: http.Protocol(self)))

    def _stop_accepting(self) -> None:
        while self._acceptors:
            self._acceptors.pop().close()

    async def _shutdown(self) -> None:
        """However it came to this: gunicorn closes what it knows of."""
        self._stop_accepting()
        await super()._shutdown()

    def _retire(self, used: int) -> None:
        if _take_turn_to_retire():
            logger.warning("worker_retires", pid=self.pid, memory_mb=used // 1024**2)
            self._leaving = self.loop.create_task(self._leave())

    def handle_exit_signal(self) -> None:
        # The arbiter repeats the signal every second.
        if self._leaving is None:
            self._leaving = self.loop.create_task(self._leave())

    async def _leave(self) -> None:
        deadline = self.loop.time() + SUCCESSORS_WITHIN
        while _serving.value < _expected.value and self.loop.time() < deadline:  # noqa: ASYNC110 - other processes set no event of ours
            await asyncio.sleep(0.05)
        draining.begin()
        self._stop_accepting()
        for server in self.servers:
            server.close()
        await asyncio.sleep(FAREWELL)
        self.alive = False
