"""A client that reads nothing costs little, slows nobody, and is let go."""

import base64
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.chaos.crowd import make_people
from tests.realtime.talkers import Talker
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(300)]
ROOM = "deaf"
FRAMES, BYTES = 260, 30_000
MOST = 2 * 1024 * 1024


@contextmanager
def deaf_client(stack: Stack, token: str) -> Iterator[socket.socket]:
    """Joins the room, and reads no more."""
    url = urlsplit(stack.url)
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        raw.connect((url.hostname, url.port))
        key = base64.b64encode(os.urandom(16)).decode()
        raw.sendall(
            f"GET /ws/ HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: rallypoint.v1, bearer.{token}\r\n\r\n".encode()
        )
        heard = b""
        while b'"ready"' not in heard:
            heard += raw.recv(4_096)
        text = json.dumps({"event": "join:room", "data": {"room": ROOM}}).encode()
        raw.sendall(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)  # a mask of zeros
        yield raw


def flood(stack: Stack, hearer: Talker) -> None:
    """More than the buffers of both ends' kernels take; `hearer` reads it all."""
    saying = stack.spawn(
        "shell", "-c",
        "import time; from realtime.doors import send_to_room;"
        f"assert all(send_to_room('{ROOM}', 'notification', 'x' * {BYTES})"
        # At a pace that a reader keeps up with on a busy machine.
        f" and time.sleep(0.005) is None for _ in range({FRAMES}))",
    )  # fmt: skip
    for _ in range(FRAMES):
        assert len(hearer.hear("notification")) == BYTES
    assert saying.wait(timeout=30) == 0


def memory(stack: Stack) -> int:
    """Bytes that the web workers hold."""
    pages = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in stack.web_workers()]
    return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")


def settle(stack: Stack, hearer: Talker) -> None:
    """Until what the workers hold for a flood anyway is held: another one adds little."""
    for _ in range(5):
        before = memory(stack)
        flood(stack, hearer)
        hearer.ask("presence:list", room=ROOM)  # who says nothing for long is taken for gone
        if memory(stack) - before < MOST / 8:
            break


def test_who_reads_nothing_costs_little_and_is_let_go(stack: Stack) -> None:
    hers, his = make_people(stack, 2, [ROOM])
    with ExitStack() as open_ones:
        alice = open_ones.enter_context(Talker(stack, hers))
        alice.join(ROOM)
        settle(stack, alice)
        open_ones.enter_context(deaf_client(stack, his))
        wait_until(lambda: alice.ask("presence:list", room=ROOM)["data"]["present"] == 2)
        # From here on: the first connection that a worker ever serves costs it some 3 MB of
        # modules and pools, whether its client reads or not.
        before = memory(stack)
        flood(stack, alice)
        assert memory(stack) - before < MOST
        begun = time.monotonic()
        alice.ask("message:send", room=ROOM, body="Still quick", clientId="q")
        assert alice.hear("message:received")["body"] == "Still quick"
        assert time.monotonic() - begun < 5
        wait_until(lambda: alice.ask("presence:list", room=ROOM)["data"]["present"] == 1)
