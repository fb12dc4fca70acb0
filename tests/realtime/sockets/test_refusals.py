"""What the socket refuses, and how: each its code, never a traceback."""

import json
from contextlib import suppress
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from realtime.socket.origins import is_our_origin
from tests.accounts.siwe import TestWallet
from tests.realtime.talkers import Talker
from tests.stack import Stack, token_of

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(300)]


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


DEEDS = (
    ("services.sign_out_everywhere(user=person)", "token_revoked"),
    ("person.set_password('another one 1!'); person.save()", "token_revoked"),
    ("person.is_active = False; person.save()", "user_inactive"),
)


def test_who_is_signed_out_is_sent_away_at_once(
    stack: Stack, alice: requests.Session, talk: Any
) -> None:
    crowd = [talk(stack.sign_in(TestWallet(bytes([90 + n]) * 32))) for n in range(len(DEEDS))]
    others = talk(alice)
    lines = ["from accounts import services; from accounts.models import User"]
    for talker, (deed, _) in zip(crowd, DEEDS, strict=True):
        user = talker.hear("ready")["userId"]
        lines.append(f"person = User.objects.get(public_id='{user}'); {deed}")
    stack.manage("shell", "-c", "\n".join(lines))
    for talker, (_, code) in zip(crowd, DEEDS, strict=True):
        assert talker.ending() == (4401, code)
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
    ("host", "origin", "is_ours"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("127.0.0.1:8000", "http://127.0.0.1:9000", False),
        ("127.0.0.1:8000", "ftp://127.0.0.1:8000", False),
        ("evil.example", "http://evil.example", False),
        ("", "http://", False),
    ],
)
def test_a_page_under_another_name_of_ours_is_ours(host: str, origin: str, is_ours: bool) -> None:
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    assert is_our_origin({"headers": headers}) == is_ours


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "frame_invalid"),
        ("[]", "frame_invalid"),
        ("{}", "frame_invalid"),
        ('{"event": "ping", "ref": "\\ud800"}', "frame_invalid"),
        (
            '{"event": "presence:update", "data": {"status": "away", "note": "\\u202etxt"}}',
            "frame_invalid",
        ),
        ("[" * 30_000, "frame_invalid"),
        ('{"event": "become:admin"}', "frame_invalid"),
        ('{"event": "ping", "data": {}}', "frame_invalid"),
        ('{"event": "join:room", "data": {"room": 5}}', "frame_invalid"),
        ('{"event": "join:room", "data": {"room": "x", "after": -1}}', "frame_invalid"),
        ('{"event": "join:room", "data": {"room": "nowhere"}}', "room_not_found"),
        ('{"event": "leave:room", "data": {"room": "nowhere"}}', "not_in_room"),
        ('{"event": "typing:start", "data": {"room": "nowhere"}}', "not_in_room"),
        ('{"event": "history:get", "data": {"room": "nowhere"}}', "not_in_room"),
        ('{"event": "join:room", "data": {"room": "a\\u0000b"}}', "frame_invalid"),
        ('{"event": "join:room", "data": {"room": "a\\n"}}', "frame_invalid"),
        (
            '{"event": "message:send", "data": {"room": "a", "body": "x", "clientId": "c\\n"}}',
            "frame_invalid",
        ),
        (
            '{"event": "direct:send", "data": {"to": "x\\n", "body": "x", "clientId": "c"}}',
            "frame_invalid",
        ),
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


@pytest.mark.parametrize("body", [" \n", "a\0b", "\u200b", "\x07"])
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
