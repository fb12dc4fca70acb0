"""The gate's accounts, against every order in which requests may come, go and give up."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from monitoring.shedding.gate import LOWEST_LIMIT, RESERVED, Gate, State, Ticket
from monitoring.shedding.priority import Priority

MOST_WAITING = 4


class GateMachine(RuleBasedStateMachine):
    tickets = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate(4, most_waiting=MOST_WAITING)
        self.all: list[Ticket] = []

    def of(self, state: State, priority: Priority) -> list[Ticket]:
        return [one for one in self.all if one.state is state and one.priority is priority]

    def waiting(self) -> int:
        return sum(len(self.of(State.WAITING, one)) for one in Priority)

    @rule(target=tickets, priority=st.sampled_from(Priority))
    def arrive(self, priority: Priority) -> Ticket:
        was_full = self.waiting() == MOST_WAITING
        lower = sum(len(self.of(State.WAITING, one)) for one in Priority if one > priority)
        ticket = self.gate.arrive(priority)
        self.all.append(ticket)
        if ticket.state is State.SHED:
            assert was_full
            assert not lower  # nobody of less importance is kept waiting in her place
        return ticket

    @rule(ticket=tickets)
    def leave(self, ticket: Ticket) -> None:
        self.gate.leave(ticket)
        assert ticket.state is State.GONE

    @rule(limit=st.integers(0, 10))
    def relimit(self, limit: int) -> None:
        self.gate.limit = limit

    @invariant()
    def all_are_counted(self) -> None:
        for one in Priority:
            assert self.gate.in_flight[one] == len(self.of(State.ADMITTED, one))
            assert self.gate.waiting(one) == len(self.of(State.WAITING, one))

    @invariant()
    def the_queue_has_its_bound(self) -> None:
        assert self.waiting() <= MOST_WAITING

    @invariant()
    def nobody_waits_for_a_free_place(self) -> None:
        taken = {one: len(self.of(State.ADMITTED, one)) for one in Priority}
        common = sum(max(0, taken[one] - RESERVED[one]) for one in Priority)
        for one in Priority:
            if self.of(State.WAITING, one):
                assert taken[one] >= RESERVED[one]
                assert common >= self.gate.limit - LOWEST_LIMIT

    @invariant()
    def who_came_first_goes_first(self) -> None:
        """Of one class: whoever waits came after all who were admitted after having waited."""
        for one in Priority:
            order = [ticket.state for ticket in self.all if ticket.priority is one]
            if State.WAITING in order:
                assert State.ADMITTED not in order[order.index(State.WAITING) :]


GateMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestGateMachine = GateMachine.TestCase


def fill(gate: Gate, priority: Priority) -> list[Ticket]:
    tickets = []
    while (ticket := gate.arrive(priority)).state is State.ADMITTED:
        tickets.append(ticket)
    gate.leave(ticket)
    return tickets


def test_no_more_than_the_limit_are_let_in_and_health_beside_it() -> None:
    gate = Gate(8)
    assert len(fill(gate, Priority.WRITE)) == 7  # one place is for reads alone
    assert len(fill(gate, Priority.READ)) == 1
    assert len(fill(gate, Priority.HEALTH)) == 2


def test_reads_leave_one_place_for_writes() -> None:
    gate = Gate(8)
    assert len(fill(gate, Priority.READ)) == 7
    assert len(fill(gate, Priority.WRITE)) == 1


def test_the_more_important_go_first_and_take_the_place_of_the_others() -> None:
    gate = Gate(4, most_waiting=2)
    admitted = fill(gate, Priority.READ)
    fill(gate, Priority.WRITE)
    writes = [gate.arrive(Priority.WRITE) for _ in range(2)]
    read = gate.arrive(Priority.READ)
    assert [one.state for one in writes] == [State.WAITING, State.SHED]
    assert gate.arrive(Priority.WRITE).state is State.SHED
    gate.leave(admitted[0])
    assert (read.state, writes[0].state) == (State.ADMITTED, State.WAITING)


def test_a_lower_limit_sends_nobody_away() -> None:
    gate = Gate(8)
    admitted = fill(gate, Priority.READ)
    gate.limit = 4
    assert gate.in_flight[Priority.READ] == 7
    waiting = gate.arrive(Priority.READ)
    for ticket in admitted[:4]:
        gate.leave(ticket)
    assert waiting.state is State.WAITING
    gate.leave(admitted[4])
    assert waiting.state is State.ADMITTED
