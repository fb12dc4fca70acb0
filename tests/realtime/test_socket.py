"""Rooms over the socket: real workers, real clients."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.accounts.siwe import TestWallet
from tests.realtime.talkers import Talker
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(300)]
ALICES, BOBS = TestWallet(b"\x0a" * 32), TestWallet(b"\x0b" * 32)


@pytest.fixture(scope="module")
def alice(stack: Stack) -> requests.Session:
    return stack.sign_in(ALICES)


@pytest.fixture(scope="module")
def bob(stack: Stack) -> requests.Session:
    return stack.sign_in(BOBS)


@pytest.fixture
def room(stack: Stack, alice: requests.Session, request: pytest.FixtureRequest) -> str:
    """A room of its own for each test: Alice owns it."""
    slug = f"r-{abs(hash(request.node.name)):x}"[:40]
    made = alice.post(f"{stack.url}/api/rooms", json={"slug": slug, "name": "R"}, timeout=10)
    assert made.status_code == 201, made.text
    return slug


@pytest.fixture
def talk(stack: Stack) -> Iterator[Any]:
    """`talk(alice)`: a connection of hers, which ends with the test."""
    with ExitStack() as open_ones:

        def begin(session: requests.Session, **options: Any) -> Talker:
            return open_ones.enter_context(Talker(stack, token_of(session), **options))

        yield begin


def token_of(session: requests.Session) -> str:
    return str(session.headers["Authorization"]).removeprefix("Bearer ")


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


# --- Presence -------------------------------------------------------------------------------------
def presence(talker: Talker, room: str) -> list[tuple[str, str]]:
    """(username, status), by name; and the count agrees."""
    page = talker.ask("presence:list", room=room)["data"]
    assert page["present"] == len(page["people"])
    return sorted((person["user"]["username"], person["status"]) for person in page["people"])


def names_of(*talkers: Talker) -> list[str]:
    return [talker.hear("ready")["username"] for talker in talkers]


def test_two_tabs_and_a_phone_are_one_person(
    alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    his, *hers = talk(bob), talk(alice), talk(alice), talk(alice)
    bobs, alices = names_of(his, hers[0])
    his.join(room)
    assert his.hear("presence:updated")["user"]["username"] == bobs  # that is himself
    for talker in hers:
        talker.join(room)
        assert presence(his, room) == sorted([(bobs, "online"), (alices, "online")])
    joined = his.hear("presence:updated")
    assert (joined["user"]["username"], joined["joined"], joined["present"]) == (alices, True, 2)
    hers[0].socket.close()
    hers[1].ask("leave:room", room=room)
    assert len(presence(his, room)) == 2
    hers[2].socket.close()
    left = his.hear("presence:updated")
    assert (left["user"]["username"], left["left"], left["present"]) == (alices, True, 1)
    assert presence(his, room) == [(bobs, "online")]


def test_a_status_is_seen_by_the_room(
    alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    hers.join(room)
    his.join(room)
    assert hers.ask("presence:update", status="asleep")["data"]["code"] == "frame_invalid"
    assert hers.ask("presence:update", status="away", note="Lunch")["event"] == "ack"
    while (shown := his.hear("presence:updated"))["status"] == "online":
        pass
    assert (shown["status"], shown["note"]) == ("away", "Lunch")
    assert "joined" not in shown
    assert "away" in dict(presence(his, room)).values()


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


# --- What the server says of itself ---------------------------------------------------------------
def test_a_broadcast_reaches_everybody_and_a_room_those_who_are_in_it(
    stack: Stack, alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    hers.join(room)
    his.hear("ready")
    stack.manage("broadcast", "To the room", "--room", room)
    stack.manage("broadcast", "To all", "--event", "system:maintenance")
    assert hers.hear("notification") == {"text": "To the room"}
    for talker in (hers, his):
        assert talker.hear("system:maintenance") == {"text": "To all"}
    assert his.ask("ping")["event"] == "pong"
    assert not his.has_heard("notification")


def test_who_is_kicked_off_the_line_may_come_back(
    stack: Stack, bob: requests.Session, talk: Any
) -> None:
    his = talk(bob)
    name = his.hear("ready")["username"]
    stack.manage("kick", name)
    assert his.ending() == (4410, "kicked")
    assert talk(bob).hear("ready")


@pytest.mark.timeout(120)
def test_while_redis_is_away_rooms_are_local_and_everything_comes_back(
    stack: Stack, alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    hers.join(room)
    his.join(room)
    carols = talk(stack.sign_in(TestWallet(b"\x0c" * 32)))
    carols.join(room)
    with stack.killed(stack.valkey):
        assert hers.hear("server:degraded") == {"degraded": True}
        out = f"{stack.url}/api/rooms/{room}/members/{carols.hear('ready')['userId']}"
        assert alice.delete(out, timeout=10).status_code == 204
        said = hers.ask("message:send", room=room, body="Anybody?", clientId="a")
        assert said["data"]["seq"] == 1
        late = talk(bob).join(room)
        assert (late["degraded"], late["presence"]["present"] >= 1) == (True, True)
    assert hers.hear("server:degraded") == {"degraded": False}
    assert his.hear("message:received")["body"] == "Anybody?"
    assert carols.hear("room:left") == {"room": room, "reason": "removed"}
    wait_until(lambda: len(presence(hers, room)) == 2)
    wait_until(lambda: told(stack, hers), seconds=30)


def told(stack: Stack, talker: Talker) -> bool:
    """Whether a broadcast is heard; the layer of Channels comes back in its own time."""
    stack.manage("broadcast", "x", check=False)
    return talker.ask("ping")["event"] == "pong" and talker.has_heard("notification")


# --- Refusals -------------------------------------------------------------------------------------
def test_a_token_may_come_in_the_first_frame(
    stack: Stack, alice: requests.Session, room: str
) -> None:
    with Talker(stack, None) as hers:
        assert hers.ask("join:room", room=room)["data"]["code"] == "not_authenticated"
        assert hers.ask("auth", token=token_of(alice))["event"] == "ack"
        assert hers.ask("auth", token="x")["data"]["code"] == "already_authenticated"
        assert hers.join(room)["room"] == room
        assert hers.ask("auth:refresh", token=token_of(alice))["event"] == "ack"


@pytest.mark.parametrize("token", ["x", "a.b.c"])
def test_a_token_that_is_none_ends_the_connection(stack: Stack, token: str) -> None:
    with Talker(stack, token) as nobody:
        assert nobody.ending() == (4401, "token_invalid")
    with Talker(stack, None) as nobody:
        assert nobody.ask("auth", token=token)["data"]["code"] == "token_invalid"
        assert nobody.ending() == (4401, "token_invalid")


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        ("services.sign_out_everywhere(user=user)", "token_revoked"),
        ("user.set_password('another one 1!'); user.save()", "token_revoked"),
        ("user.is_active = False; user.save()", "user_inactive"),
    ],
)
def test_who_is_signed_out_is_sent_away_at_once(
    stack: Stack, alice: requests.Session, talk: Any, deed: str, code: str
) -> None:
    wallet = TestWallet(bytes([len(code) + len(deed)]) * 32)
    hers, others = talk(stack.sign_in(wallet)), talk(alice)
    user = hers.hear("ready")["userId"]
    stack.manage(
        "shell", "-c",
        "from accounts import services; from accounts.models import User;"
        f"user = User.objects.get(public_id='{user}'); {deed}",
    )  # fmt: skip
    assert hers.ending() == (4401, code)
    assert others.ask("ping")["event"] == "pong"


def test_another_persons_token_prolongs_nothing(
    alice: requests.Session, bob: requests.Session, talk: Any
) -> None:
    answer = talk(alice).ask("auth:refresh", token=token_of(bob))
    assert answer["data"]["code"] == "another_person"


@pytest.mark.parametrize(
    ("origin", "ending"),
    [
        ("https://evil.example", (4403, "origin not allowed")),
        ("null", (4403, "origin not allowed")),
    ],
)
def test_a_page_from_elsewhere_is_refused(
    alice: requests.Session, talk: Any, origin: str, ending: tuple[int, str]
) -> None:
    assert talk(alice, origin=origin).ending() == ending


def test_our_own_page_is_let_in(stack: Stack, alice: requests.Session, talk: Any) -> None:
    assert talk(alice, origin=stack.url).hear("ready")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "frame_invalid"),
        ("[]", "frame_invalid"),
        ("{}", "frame_invalid"),
        ("[" * 30_000, "frame_invalid"),
        ('{"event": "become:admin"}', "frame_invalid"),
        ('{"event": "ping", "data": {}}', "frame_invalid"),
        ('{"event": "join:room", "data": {"room": 5}}', "frame_invalid"),
        ('{"event": "join:room", "data": {"room": "x", "after": -1}}', "frame_invalid"),
        ('{"event": "join:room", "data": {"room": "nowhere"}}', "room_not_found"),
        ('{"event": "leave:room", "data": {"room": "nowhere"}}', "not_in_room"),
        ('{"event": "typing:start", "data": {"room": "nowhere"}}', "not_in_room"),
        ('{"event": "history:get", "data": {"room": "nowhere"}}', "not_in_room"),
    ],
)
def test_a_frame_that_makes_no_sense_is_answered(
    alice: requests.Session, talk: Any, frame: str, code: str
) -> None:
    hers = talk(alice)
    hers.hear("ready")
    hers.socket.send(frame)
    assert hers.hear("error")["code"] == code
    assert hers.ask("ping")["event"] == "pong"


@pytest.mark.parametrize("body", [" \n", "a\0b"])
def test_a_message_without_words_is_refused(
    alice: requests.Session, room: str, talk: Any, body: str
) -> None:
    hers = talk(alice)
    hers.join(room)
    answer = hers.ask("message:send", room=room, body=body, clientId="a")
    assert answer["data"]["code"] == "frame_invalid"


def test_what_is_too_big_binary_or_too_much_ends_the_connection(
    alice: requests.Session, talk: Any
) -> None:
    for frame, code in (("x" * 65_537, 4413), ("ü" * 40_000, 4413), (b"{}", 1003)):
        hers = talk(alice)
        hers.socket.send(frame)
        assert hers.ending()[0] == code
    hers = talk(alice)
    with suppress(ConnectionClosed):
        for _ in range(400):
            hers.socket.send('{"event": "ping"}')
    assert hers.ending()[0] == 4429


def test_the_oldest_of_too_many_connections_is_replaced(alice: requests.Session, talk: Any) -> None:
    # Two workers, each with a limit of twenty for itself: five at least are too many.
    crowd = [talk(alice) for _ in range(45)]
    for talker in crowd:
        talker.hear("ready")
    codes = [code_of(talker) for talker in crowd]
    assert set(codes) == {4409, None}
    assert 5 <= codes.count(4409) <= 25
    assert codes[-1] is None


def code_of(talker: Talker) -> int | None:
    """With which the connection has been closed."""
    try:
        talker.ask("ping")
    except ConnectionClosed:
        return talker.socket.close_code
    return None


def test_a_private_room_is_not_there_for_others(
    stack: Stack, alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    changed = alice.patch(f"{stack.url}/api/rooms/{room}", json={"kind": "private"}, timeout=10)
    assert changed.status_code == 200
    assert talk(bob).join(room)["data"]["code"] == "room_not_found"


def test_a_reload_tells_everybody_when_to_come_back(
    stack: Stack, alice: requests.Session, room: str, talk: Any
) -> None:
    crowd = [talk(alice) for _ in range(10)]
    for talker in crowd:
        talker.join(room)
    stack.reload()
    for talker in crowd:
        assert 0 <= talker.hear("server:draining")["reconnectAfterMs"] <= 3_000
        assert talker.ending() == (1012, "restarting")
    assert talk(alice).join(room)["room"] == room


def test_no_traceback_is_in_the_log(stack: Stack) -> None:
    """After all of the above."""
    assert "Traceback" not in stack.web_log()


def test_another_path_is_no_socket(stack: Stack) -> None:
    with (
        connect(f"{stack.url.replace('http', 'ws')}/elsewhere") as nobody,
        pytest.raises(ConnectionClosed, match="4404"),
    ):
        nobody.recv(timeout=10)


def test_a_frame_of_ours_is_json(alice: requests.Session, talk: Any) -> None:
    raw = talk(alice).socket.recv(timeout=10)
    assert json.loads(raw)["event"] == "ready"
