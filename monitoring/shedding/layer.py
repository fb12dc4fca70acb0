"""The gate in front of the application, for one event loop."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

from monitoring.shedding import figures
from monitoring.shedding.gate import LOWEST_LIMIT, MOST_WAITING, Gate, State, Ticket
from monitoring.shedding.gradient import GradientLimit
from monitoring.shedding.priority import Priority, priority_of
from monitoring.shedding.punctuality import FEWEST_THREADS, PunctualLimit
from monitoring.trace import ASGIApplication, Message, Receive, Scope, Send
from monitoring.wire.rfc9457 import send_problem

# Seconds for a request, from when it is whole to the end of its answer.
REQUEST_SECONDS = 60.0
PATIENCE = 10.0
_BUSY = "There is more to do than can be done. Try again shortly."
_SLOW = "This took too long and was given up."


class Shedding:
    """ASGI: at most as many requests at once as are good for this process, `threads` at most; some
    more wait, in the order of their priorities; who comes after those gets 503 at once."""

    def __init__(
        self,
        app: ASGIApplication,
        *,
        threads: int,
        lag: Callable[[], float] = lambda: 0.0,
        most_waiting: int = MOST_WAITING,
        patience: float = PATIENCE,
        seconds: float = REQUEST_SECONDS,
    ) -> None:
        self._app = app
        self._limit = GradientLimit(lowest=max(LOWEST_LIMIT, threads // 2), highest=threads)
        self._punctual = PunctualLimit(lag, lowest=min(FEWEST_THREADS, threads), highest=threads)
        self._gate = Gate(threads, most_waiting=most_waiting)
        self._patience, self._seconds = patience, seconds
        figures.show_limit(self._gate.limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        deadline = asyncio.get_running_loop().time() + self._seconds
        if self._punctual.look(time.monotonic()):
            self._follow_limits()
        ticket = self._gate.arrive(priority_of(scope))
        if ticket.state is State.WAITING:
            await self._wait(ticket)
        figures.show(self._gate, ticket.priority)
        if ticket.state is State.ADMITTED:
            await self._serve(ticket, scope, receive, Answer(send), deadline)
        else:
            reason = "full" if ticket.state is State.SHED else "waited"
            figures.count_shed(ticket.priority, reason)
            await _refuse(scope, send, _BUSY)

    async def _wait(self, ticket: Ticket) -> None:
        """Until it is settled. Who waited for long, or has hung up, takes nobody's place."""
        settled = asyncio.Event()
        ticket.settled = settled.set
        figures.show(self._gate, ticket.priority)
        try:
            async with asyncio.timeout(self._patience):
                await settled.wait()
        except TimeoutError:
            if ticket.state is State.WAITING:
                self._gate.leave(ticket)
        except asyncio.CancelledError:
            self._gate.leave(ticket)
            figures.show(self._gate, ticket.priority)
            raise

    async def _serve(
        self, ticket: Ticket, scope: Scope, receive: Receive, answer: "Answer", deadline: float
    ) -> None:
        """In a task of its own: a thread cannot be stopped, and holds its place until it ends, even
        when its caller has gone or has been answered that it took too long."""
        loop = asyncio.get_running_loop()
        work = loop.create_task(_as_coroutine(self._app, scope, receive, answer))
        began, ended = time.monotonic(), loop.create_future()
        work.add_done_callback(lambda _: self._end(ticket, answer, began, ended))
        # What asyncio.wait does, at half its price.
        timer = loop.call_at(deadline, _end_waiting, ended)
        try:
            await ended
        finally:
            timer.cancel()
            if not work.done():
                started = answer.cut()
                work.add_done_callback(_look_at_error)
        if work.done():
            work.result()
            if answer.error:
                raise answer.error
            return
        figures.count_shed(ticket.priority, "took_too_long")
        if not started:
            await _refuse(scope, answer.beyond, _SLOW, code="request_timeout")

    def _end(
        self, ticket: Ticket, answer: "Answer", began: float, ended: "asyncio.Future[None]"
    ) -> None:
        _end_waiting(ended)
        in_flight = sum(self._gate.in_flight.values())
        self._gate.leave(ticket)
        if ticket.priority is not Priority.HEALTH:
            now = time.monotonic()
            seconds = (answer.started_at or now) - began
            if self._limit.observe(seconds, in_flight=in_flight, now=now):
                self._follow_limits()
        figures.show(self._gate, ticket.priority)

    def _follow_limits(self) -> None:
        self._gate.limit = min(self._limit.limit, self._punctual.limit)
        figures.show_limit(self._gate.limit)


class Answer:
    """`send`, until the answer is cut off: then the rest of it goes nowhere, so that the thread
    that makes it comes to its end. Nobody waits for a client any more who does not read; and an
    error of sending is kept for later, for a2wsgi's thread would wait for ever for who raised it.
    """

    def __init__(self, send: Send) -> None:
        self.beyond = send
        self.started_at = 0.0
        self.error: Exception | None = None
        self._is_cut = False
        self._sender: asyncio.Task[Any] | None = None

    async def __call__(self, message: Message) -> None:
        if self._is_cut:
            return
        self.started_at = self.started_at or time.monotonic()
        task = self._sender = asyncio.current_task()
        try:
            await self.beyond(message)
        except asyncio.CancelledError:
            if not self._was_cut() or task is None:
                raise
            task.uncancel()
        except Exception as error:  # noqa: BLE001 - raised where the request is served
            self.error, self._is_cut = error, True
        finally:
            self._sender = None

    def _was_cut(self) -> bool:
        return self._is_cut

    def cut(self) -> bool:
        """Whether it had begun."""
        self._is_cut = True
        if self._sender is not None:
            self._sender.cancel()
        return bool(self.started_at)


async def _as_coroutine(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


def _end_waiting(ended: "asyncio.Future[None]") -> None:
    if not ended.done():
        ended.set_result(None)


def _look_at_error(work: "asyncio.Task[Any]") -> None:
    """asyncio complains of errors that nobody looked at; whoever waited for this one is gone."""
    if not work.cancelled():
        work.exception()


async def _refuse(scope: Scope, send: Send, detail: str, *, code: str = "overloaded") -> None:
    """The wait is drawn, so that those who were refused do not come back together."""
    wait = str(random.randint(1, 5)).encode()  # noqa: S311 - no secret
    headers = [(b"retry-after", wait)]
    await send_problem(scope, send, code=code, status=503, detail=detail, headers=headers)
