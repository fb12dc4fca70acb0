"""Who may go on, who waits, and who is turned away: the accounts, without any waiting of their own.

Each class of requests has places that are its own; the others are for everybody. Health checks have
theirs beside the limit: they must be answered when all else is taken. For one event loop.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from monitoring.shedding.priority import Priority

# Of the limit, for whoever else is served; those of health checks come on top of it.
RESERVED = {Priority.HEALTH: 2, Priority.READ: 1, Priority.WRITE: 1}
LOWEST_LIMIT = RESERVED[Priority.READ] + RESERVED[Priority.WRITE]
MOST_WAITING = 100


class State(Enum):
    WAITING = auto()
    ADMITTED = auto()
    SHED = auto()
    GONE = auto()


class Ticket:
    """`settled` is called when one that waits is admitted, or has to make room for another."""

    __slots__ = ("priority", "settled", "state")

    def __init__(self, priority: Priority) -> None:
        self.priority = priority
        self.state = State.WAITING
        self.settled: Callable[[], None] = _nobody_waits

    def settle(self, state: State) -> None:
        self.state = state
        self.settled()


def _nobody_waits() -> None:
    pass


class Gate:
    def __init__(self, limit: int, *, most_waiting: int = MOST_WAITING) -> None:
        self._limit = max(limit, LOWEST_LIMIT)
        self._most_waiting = most_waiting
        self.in_flight = dict.fromkeys(Priority, 0)
        self._waiting: dict[Priority, deque[Ticket]] = {one: deque() for one in Priority}

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        """A lower one sends nobody away who was admitted; a higher one lets some in at once."""
        self._limit = max(limit, LOWEST_LIMIT)
        self._wake()

    def waiting(self, priority: Priority) -> int:
        return len(self._waiting[priority])

    def arrive(self, priority: Priority) -> Ticket:
        """When all places to wait are taken, the newest of the lowest class makes room for a higher
        one."""
        ticket = Ticket(priority)
        if self._fits(priority):
            self._admit(ticket)
        elif sum(map(len, self._waiting.values())) < self._most_waiting:
            self._waiting[priority].append(ticket)
        elif (lowest := max(one for one in Priority if self._waiting[one])) > priority:
            self._waiting[priority].append(ticket)
            self._waiting[lowest].pop().settle(State.SHED)
        else:
            ticket.state = State.SHED
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Whatever became of it; a second time it changes nothing."""
        state, ticket.state = ticket.state, State.GONE
        if state is State.ADMITTED:
            self.in_flight[ticket.priority] -= 1
            self._wake()
        elif state is State.WAITING:
            self._waiting[ticket.priority].remove(ticket)

    def _admit(self, ticket: Ticket) -> None:
        self.in_flight[ticket.priority] += 1
        ticket.settle(State.ADMITTED)

    def _wake(self) -> None:
        for priority in Priority:
            waiting = self._waiting[priority]
            while waiting and self._fits(priority):
                self._admit(waiting.popleft())

    def _fits(self, priority: Priority) -> bool:
        if self.in_flight[priority] < RESERVED[priority]:
            return True
        in_common = sum(max(0, self.in_flight[one] - RESERVED[one]) for one in Priority)
        return in_common < self._limit - LOWEST_LIMIT
