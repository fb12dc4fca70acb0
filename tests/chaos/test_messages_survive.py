"""What was acknowledged in a room is there once, under a number without gaps, and everybody who
comes back has the same list, whatever dies meanwhile."""

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from websockets.exceptions import WebSocketException

from tests.accounts.siwe import TestWallet
from tests.realtime.talkers import Talker
from tests.stack import Stack, token_of, wait_until

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(900)]
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
PEOPLE = 5


class Chatter:
    """Says what it has to say until all is acknowledged, and comes back when it is cut off."""

    def __init__(self, stack: Stack, token: str, room: str, name: int, messages: int) -> None:
        self.stack, self.token, self.room = stack, token, room
        self.left = [f"{name}-{number}" for number in range(messages)]
        self.acked: dict[str, int] = {}
        self.heard: list[tuple[int, str, str]] = []
        self.returns = 0
        # What is said while she reads what she missed.
        self.meanwhile: list[dict[str, Any]] | None = None

    def run(self, is_over: Any) -> None:
        while not is_over():
            try:
                with Talker(self.stack, self.token) as talker:
                    self._talk(talker, is_over)
            except (WebSocketException, OSError, TimeoutError):
                self.returns += 1
                time.sleep(0.05)

    def _talk(self, talker: Talker, is_over: Any) -> None:
        talker.on_frame, self.meanwhile = self._hear, []
        joined = talker.join(self.room, after=len(self.heard))
        if "room" not in joined:
            raise TimeoutError(joined)
        missed = self._missed(talker, joined)
        missed, self.meanwhile = missed + self.meanwhile, None
        for message in missed:
            self._note(message)
        while not is_over():
            if self.left:
                self._say(talker, self.left[0])
            else:
                talker.ask("ping")

    def _missed(self, talker: Talker, joined: dict[str, Any]) -> list[dict[str, Any]]:
        """Too much for one answer is read back page by page."""
        messages = list(joined["messages"])
        while messages and messages[0]["seq"] > len(self.heard) + 1:
            assert not joined["recovered"]
            before = messages[0]["seq"]
            page = talker.ask("history:get", room=self.room, before=before, limit=200)
            messages = page["data"]["messages"] + messages
        return [message for message in messages if message["seq"] > len(self.heard)]

    def _say(self, talker: Talker, words: str) -> None:
        answer = talker.ask("message:send", room=self.room, body=words, clientId=words)
        if answer["event"] == "ack":
            self.acked[words] = answer["data"]["seq"]
            self.left.remove(words)
        else:
            time.sleep(0.1)  # told to slow down, or that a store is away

    def _hear(self, frame: dict[str, Any]) -> bool:
        if frame["event"] != "message:received":
            return False
        if self.meanwhile is None:
            self._note(frame["data"])
        else:
            self.meanwhile.append(frame["data"])
        return True

    def _note(self, message: dict[str, Any]) -> None:
        assert message["seq"] == len(self.heard) + 1, (message, len(self.heard))
        self.heard.append((message["seq"], message["id"], message["body"]))


def test_messages_survive_killed_workers_and_a_restarted_redis(
    stack: Stack, long_form: bool
) -> None:
    chatters, messages, kills, restarts = (20, 250, 12, 4) if long_form else (6, 40, 2, 1)
    sessions = [stack.sign_in(TestWallet(bytes([40 + n]) * 32)) for n in range(PEOPLE)]
    room = f"chaos-{SEED}"
    made = sessions[0].post(
        f"{stack.url}/api/rooms", json={"slug": room, "name": "Chaos"}, timeout=10
    )
    assert made.status_code == 201, made.text
    tokens = [token_of(session) for session in sessions]
    crowd = [Chatter(stack, tokens[n % PEOPLE], room, n, messages) for n in range(chatters)]
    total, begun = chatters * messages, time.monotonic()

    def is_over() -> bool:
        everybody = all(not c.left and len(c.heard) == total for c in crowd)
        return everybody or time.monotonic() - begun > (800 if long_form else 120)

    with ThreadPoolExecutor(chatters) as pool:
        running = [pool.submit(chatter.run, is_over) for chatter in crowd]
        _break(stack, kills, restarts, lambda: sum(len(c.acked) for c in crowd) / total)
        for one in running:
            one.result()

    first = crowd[0].heard
    assert [seq for seq, _, _ in first] == list(range(1, total + 1)), (SEED, len(first))
    assert all(chatter.heard == first for chatter in crowd), SEED
    # Every acknowledged message is the one of that number, once.
    by_words = {words: seq for seq, _, words in first}
    assert by_words == {w: seq for c in crowd for w, seq in c.acked.items()}, SEED
    assert stored(stack, sessions[0], room) == first
    report = stack.reconcile()
    assert [d for d in report["differences"] if d["equation"] == "E5"] == []
    print(f"seed {SEED}: {total} messages, {sum(c.returns for c in crowd)} returns")  # noqa: T201


def _break(stack: Stack, kills: int, restarts: int, progress: Any) -> None:
    """Spread over what is said, so that there is always something to lose."""
    chance = random.Random(SEED)
    deeds = ["kill"] * kills + ["restart"] * restarts
    chance.shuffle(deeds)
    for number, deed in enumerate(deeds, 1):
        due = number / (len(deeds) + 1)
        wait_until(lambda due=due: progress() >= due, seconds=300)
        if deed == "kill":
            os.kill(chance.choice(stack.web_workers()), signal.SIGKILL)
            wait_until(lambda: len(stack.web_workers()) == 2)
        else:
            with stack.killed(stack.valkey):
                time.sleep(chance.uniform(0.2, 1.5))


def stored(stack: Stack, session: requests.Session, room: str) -> list[tuple[int, str, str]]:
    found: list[tuple[int, str, str]] = []
    while True:
        page = (
            requests.get(  # not over the session's connection, which a killed worker may have had
                f"{stack.url}/api/rooms/{room}/messages",
                params={"after": len(found), "limit": 200},
                headers=session.headers,
                timeout=10,
            ).json()["messages"]
        )
        if not page:
            return found
        found += [(message["seq"], message["id"], message["body"]) for message in page]
