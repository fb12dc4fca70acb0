"""Talking over the socket: real workers, real clients."""

from typing import Any

import pytest
import requests

from tests.stack import Stack

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(300)]


def test_two_people_talk_and_each_hears_the_same(
    alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    assert hers.hear("ready")["heartbeatMs"] == 25_000
    joined = hers.join(room)
    assert joined.pop("presence")["present"] == 1
    assert joined == {
        "room": room, "seq": 0, "role": "owner", "recovered": False, "messages": [],
        "degraded": False,
    }  # fmt: skip
    assert his.join(room)["role"] == "member"
    acks = [
        talker.ask("message:send", room=room, body=body, clientId=body)
        for talker, body in ((hers, "one"), (his, "two"), (hers, "three"))
    ]
    assert [ack["data"]["seq"] for ack in acks] == [1, 2, 3]
    for talker in (hers, his):
        heard = [talker.hear("message:received") for _ in range(3)]
        assert [(message["seq"], message["body"]) for message in heard] == [
            (1, "one"), (2, "two"), (3, "three"),
        ]  # fmt: skip
        assert heard[0]["id"] == acks[0]["data"]["id"]


def test_what_is_sent_again_is_acknowledged_again_and_heard_once(
    alice: requests.Session, room: str, talk: Any
) -> None:
    hers = talk(alice)
    hers.join(room)
    first, again = (hers.ask("message:send", room=room, body="Hi", clientId="a") for _ in range(2))
    assert first["data"] == again["data"]
    hers.ask("message:send", room=room, body="Bye", clientId="b")
    assert [hers.hear("message:received")["seq"] for _ in range(2)] == [1, 2]


def test_many_messages_at_once_keep_the_order_of_their_sender(
    alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    hers.join(room)
    his.join(room)
    for number in range(30):
        hers.say("message:send", room=room, body=str(number), clientId=str(number))
    heard = [his.hear("message:received") for _ in range(30)]
    assert [message["seq"] for message in heard] == list(range(1, 31))
    assert [message["body"] for message in heard] == [str(number) for number in range(30)]


def test_who_comes_back_gets_exactly_what_she_missed(
    alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    his = talk(bob)
    his.join(room)
    for number in range(5):
        his.ask("message:send", room=room, body=str(number), clientId=str(number))
    back = talk(alice).join(room, after=2)
    assert (back["recovered"], back["seq"]) == (True, 5)
    assert [message["seq"] for message in back["messages"]] == [3, 4, 5]
    beyond = talk(alice).join(room, after=9)
    assert beyond["recovered"] is False
    assert [message["seq"] for message in beyond["messages"]] == [1, 2, 3, 4, 5]


def test_what_is_said_and_done_over_rest_is_heard(
    stack: Stack, alice: requests.Session, room: str, talk: Any
) -> None:
    hers = talk(alice)
    hers.join(room)
    said = alice.post(
        f"{stack.url}/api/rooms/{room}/messages", json={"body": "by REST"}, timeout=10
    )
    assert said.status_code == 201
    assert hers.hear("message:received")["body"] == "by REST"
    address = f"{stack.url}/api/rooms/{room}/messages/1"
    alice.patch(address, json={"body": "changed"}, timeout=10)
    assert hers.hear("message:edited")["body"] == "changed"
    alice.delete(address, timeout=10)
    assert hers.hear("message:deleted")["seq"] == 1


@pytest.mark.parametrize("reason", ["kicked", "banned", "left", "closed"])
def test_who_is_not_in_the_room_any_more_hears_no_more_of_it(
    stack: Stack,
    alice: requests.Session,
    bob: requests.Session,
    room: str,
    talk: Any,
    reason: str,
) -> None:
    hers, his, phone = talk(alice), talk(bob), talk(bob)
    for talker in (hers, his, phone):
        talker.join(room)
    own = f"{stack.url}/api/rooms/{room}/members/{his.hear('ready')['userId']}"
    deed = {
        "kicked": lambda: alice.delete(own, timeout=10),
        "banned": lambda: alice.put(own, json={"banned": True}, timeout=10),
        "left": lambda: bob.delete(own, timeout=10),
        "closed": lambda: alice.delete(f"{stack.url}/api/rooms/{room}", timeout=10),
    }[reason]
    assert deed().ok
    for talker in (his, phone):
        assert talker.hear("room:left") == {"room": room, "reason": reason}
        answer = talker.ask("message:send", room=room, body="x", clientId="x")
        assert answer["data"]["code"] == "not_in_room"
    if reason == "banned":
        assert his.join(room)["data"]["code"] == "banned"


def test_history_goes_back_page_by_page(alice: requests.Session, room: str, talk: Any) -> None:
    hers = talk(alice)
    hers.join(room)
    for number in range(5):
        hers.ask("message:send", room=room, body=str(number), clientId=str(number))
    page = hers.ask("history:get", room=room, before=4, limit=2)["data"]["messages"]
    assert [message["seq"] for message in page] == [2, 3]


def test_who_is_muted_gains_nothing_by_leaving(
    stack: Stack, alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    bobs = talk(bob)
    bobs.join(room)
    address = f"{stack.url}/api/rooms/{room}/members/{bobs.hear('ready')['userId']}"
    muted = alice.put(address, json={"mutedUntil": "2100-01-01T00:00:00Z"}, timeout=10)
    assert muted.status_code == 200, muted.text
    assert bob.delete(address, timeout=10).status_code == 204
    bobs.hear("room:left")
    bobs.join(room)
    answer = bobs.ask("message:send", room=room, body="Hi", clientId="a")
    assert answer["data"]["code"] == "muted"


def test_history_of_long_messages_comes_in_more_pages(
    alice: requests.Session, room: str, talk: Any
) -> None:
    hers = talk(alice)
    hers.join(room)
    for number in range(24):
        hers.ask("message:send", room=room, body="語" * 4_000, clientId=str(number))
    reader, found = talk(alice), [25]
    reader.join(room)
    while page := reader.ask("history:get", room=room, before=found[0])["data"]["messages"]:
        assert len(page) < 24
        found = [message["seq"] for message in page] + found
    assert found == list(range(1, 26))


def test_typing_is_seen_and_ends(
    alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    hers.join(room)
    his.join(room)
    assert hers.ask("typing:start", room=room)["event"] == "ack"
    assert his.hear("typing:started")["room"] == room
    hers.ask("message:send", room=room, body="Hi", clientId="a")
    assert his.hear("typing:stopped")["room"] == room
    hers.ask("typing:start", room=room)
    his.hear("typing:started")
    hers.socket.close()
    assert his.hear("typing:stopped")["room"] == room


def test_a_receipt_is_seen_by_the_room(
    alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    hers.join(room)
    his.join(room)
    hers.ask("message:send", room=room, body="Hi", clientId="a")
    assert his.ask("receipt:read", room=room, seq=99)["event"] == "ack"
    assert hers.hear("receipt:updated")["seq"] == 1


# --- Direct, and changing what was said -----------------------------------------------------------
def test_what_is_said_to_somebody_alone_reaches_all_her_devices(
    alice: requests.Session, bob: requests.Session, talk: Any
) -> None:
    hers, his, phone = talk(alice), talk(bob), talk(bob)
    bobs = his.hear("ready")["userId"]
    first, again = (
        hers.ask("direct:send", to=bobs, body="Psst", clientId="p")["data"] for _ in range(2)
    )
    assert first == again
    for talker in (his, phone):
        heard = talker.hear("direct:received")
        assert (heard["body"], heard["seq"], heard["room"]) == ("Psst", 1, first["room"])
        assert talker.join(first["room"], after=0)["recovered"] is True
    hers.join(first["room"])
    his.ask("message:send", room=first["room"], body="What?", clientId="q")
    assert hers.hear("message:received")["seq"] == 2
    nobody = "00000000-0000-4000-8000-000000000000"
    for to, code in ((nobody, "not_found"), (hers.hear("ready")["userId"], "direct_with_yourself")):
        assert hers.ask("direct:send", to=to, body="x", clientId="x")["data"]["code"] == code


def test_what_was_said_is_changed_and_taken_back_by_who_said_it(
    alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    hers.join(room)
    his.join(room)
    his.ask("message:send", room=room, body="teh", clientId="a")
    assert his.ask("message:edit", room=room, seq=1, body="the")["event"] == "ack"
    assert hers.hear("message:edited")["body"] == "the"
    for ask, code in (
        (lambda: hers.ask("message:edit", room=room, seq=1, body="x"), "not_your_message"),
        (lambda: his.ask("message:edit", room=room, seq=9, body="x"), "not_found"),
        (lambda: his.ask("message:edit", room=room, seq=1, body=" "), "frame_invalid"),
        (lambda: his.ask("message:delete", room="elsewhere", seq=1), "not_in_room"),
    ):
        assert ask()["data"]["code"] == code
    assert his.ask("message:delete", room=room, seq=1)["event"] == "ack"
    assert hers.hear("message:deleted")["seq"] == 1
