"""A room as Server-Sent Events: the same frames, the same numbers."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.accounts.siwe import TestWallet
from tests.stack import Stack

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(120)]
Event = tuple[str, str | None, Any]


@pytest.fixture
def listen(stack: Stack) -> Iterator[Any]:
    """`listen(alice, room)`: (event, id, data) after (event, id, data)."""
    with ExitStack() as open_ones:

        def begin(
            session: requests.Session, room: str, query: str = "", **headers: str
        ) -> Iterator[Event]:
            answer = session.get(
                f"{stack.url}/api/rooms/{room}/events{query}",
                headers=headers, stream=True, timeout=10,
            )  # fmt: skip
            open_ones.callback(answer.close)
            assert answer.status_code == 200, answer.text
            assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            return events_of(answer)

        yield begin


def events_of(answer: requests.Response) -> Iterator[Event]:
    found: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, value = line.partition(": ")
        if name:
            found[name] = value
        elif "event" in found:
            yield found["event"], found.get("id"), json.loads(found["data"])
            found = {}


def say(stack: Stack, session: requests.Session, room: str, *bodies: str) -> None:
    for body in bodies:
        address = f"{stack.url}/api/rooms/{room}/messages"
        assert session.post(address, json={"body": body}, timeout=10).status_code == 201


def messages(events: Iterator[Event], many: int) -> list[tuple[str | None, str]]:
    found = []
    for event, number, data in events:
        if event == "message:received":
            found.append((number, data["body"]))
        if len(found) == many:
            break
    return found


def test_a_listener_hears_the_room_and_is_present(
    stack: Stack, alice: requests.Session, room: str, listen: Any
) -> None:
    say(stack, alice, room, "one")
    events = listen(alice, room)
    event, _, joined = next(events)
    assert (event, joined["seq"], joined["presence"]["present"]) == ("room:joined", 1, 1)
    assert messages(events, 1) == [("1", "one")]
    say(stack, alice, room, "two\nlines")
    assert messages(events, 1) == [("2", "two\nlines")]


@pytest.mark.parametrize(
    ("query", "headers"), [("?after=1", {}), ("?after=0", {"Last-Event-ID": "1"})]
)
def test_who_comes_back_hears_what_she_missed(
    stack: Stack, alice: requests.Session, room: str, listen: Any, query: str, headers: Any
) -> None:
    say(stack, alice, room, "one", "two", "three")
    events = listen(alice, room, query, **headers)
    assert next(events)[2]["recovered"] is True
    assert messages(events, 2) == [("2", "two"), ("3", "three")]


def test_whoever_may_not_listen_is_told_why(stack: Stack, alice: requests.Session) -> None:
    nobody = requests.Session()
    forged = requests.Session()
    forged.headers["Authorization"] = "Bearer x.y.z"
    for session, path, status, code in (
        (nobody, "lobby/events", 401, "not_authenticated"),
        (forged, "lobby/events", 401, "token_invalid"),
        (alice, "nowhere/events", 404, "room_not_found"),
        (alice, "nowhere/events?after=x", 400, "invalid_parameter"),
    ):
        answer = session.get(f"{stack.url}/api/rooms/{path}", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["X-Correlation-Id"] == answer.json()["correlationId"]


def test_a_stream_ends_with_the_sign_in(stack: Stack, room: str, listen: Any) -> None:
    guest = stack.sign_in(TestWallet(b"\x5e" * 32))
    events = listen(guest, room)
    next(events)
    guest.post(f"{stack.url}/api/auth/logout-everywhere", timeout=10)
    *_, (event, _, data) = events
    assert (event, data) == ("closed", {"code": 4401, "reason": "token_revoked"})


def test_a_reload_tells_listeners_when_to_come_back(
    stack: Stack, alice: requests.Session, room: str, listen: Any
) -> None:
    events = listen(alice, room)
    next(events)
    stack.reload()
    *_, draining, (event, _, data) = events
    assert draining[0] == "server:draining"
    assert (event, data["code"]) == ("closed", 1012)
