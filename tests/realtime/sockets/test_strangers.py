"""Who is not in a room hears nothing of it, however she comes and goes."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import requests

from tests.realtime.talkers import Talker
from tests.stack import Stack

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(300)]
OF_THE_ROOM = {"message:received", "typing:started", "presence:updated", "room:joined"}
TIMES = 60
# As often as the socket allows for long.
PAUSE = 0.03


def make_private(stack: Stack, alice: requests.Session, room: str) -> None:
    answer = alice.patch(f"{stack.url}/api/rooms/{room}", json={"kind": "private"}, timeout=10)
    assert answer.status_code == 200, answer.text


def talk_while(speakers: list[Talker], room: str, *also: Callable[[], None]) -> None:
    """Everybody says TIMES things, as fast as may be, and meanwhile each of `also` is called."""

    def speak(place: int) -> None:
        for number in range(TIMES):
            mine = {"body": f"secret {number}", "clientId": f"{place}-{number}"}
            assert speakers[place].ask("message:send", room=room, **mine)["event"] == "ack"
            time.sleep(PAUSE)

    for speaker in speakers:
        speaker.join(room)
    with ThreadPoolExecutor(len(speakers) + len(also)) as crew:
        work = [crew.submit(speak, place) for place in range(len(speakers))]
        for done in [*work, *(crew.submit(one) for one in also)]:
            done.result()


def test_who_asks_again_and_again_hears_nothing_of_a_private_room(
    stack: Stack, alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    make_private(stack, alice, room)
    strangers = [talk(bob) for _ in range(16)]

    def ask_to_be_let_in(stranger: Talker) -> None:
        for _ in range(TIMES):
            answer = stranger.ask("join:room", room=room)
            assert answer["data"]["code"] == "room_not_found"
            time.sleep(PAUSE)

    talk_while(
        [talk(alice) for _ in range(4)],
        room,
        *(partial(ask_to_be_let_in, stranger) for stranger in strangers),
    )

    for stranger in strangers:
        assert {frame["event"] for frame in stranger.heard_so_far()} == {"ready"}


def test_who_is_put_out_hears_nothing_after_she_was_told(
    stack: Stack, alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    put_out = [talk(bob) for _ in range(10)]
    for one in put_out:
        one.join(room)
    bobs_id = put_out[0].hear("ready")["userId"]
    members = f"{stack.url}/api/rooms/{room}/members/{bobs_id}"

    def kick() -> None:
        assert alice.delete(members, timeout=10).status_code == 204

    talk_while([talk(alice) for _ in range(4)], room, kick)

    for one in put_out:
        deadline = time.monotonic() + 10
        while not one.has_heard("room:left"):
            assert time.monotonic() < deadline
            one.ask("ping")
        events = [frame["event"] for frame in one.heard_so_far()]
        assert not OF_THE_ROOM & set(events[events.index("room:left") :])
