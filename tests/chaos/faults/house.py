"""The whole product at work, with somebody in every part of it, and what each of them sees."""

import re
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, NamedTuple, Self

import requests

from tests.background import Background
from tests.chaos.crowd import make_people
from tests.gate import Gate
from tests.realtime.talkers import Talker
from tests.stack import Stack, wait_until

# Nobody ever waits for longer, whatever has failed.
LONGEST = 15.0


class Seen(NamedTuple):
    status: int
    seconds: float
    headers: Any
    body: Any


class House:
    """A link, a quest, a room with Alice and Bob in it, a worker and its beat."""

    def __init__(self, stack: Stack, gate: Gate | None = None) -> None:
        """`stack` reaches PostgreSQL through the gate, if there is one."""
        self.stack, self.gate = stack, gate
        self._open = ExitStack()
        self._background = Background(stack)
        self.clicks = 0
        self._dropped_before = 0

    def __enter__(self) -> Self:
        self.start_worker()
        self._dropped_before = self._dropped()
        self.slug = self.stack.make_link(url="https://example.com/")["slug"]
        (quest,) = self.stack.make_quests({})
        self.quest = f"/api/quests/{quest}"
        self.room = f"faults-{self.slug.lower()}"
        self._tokens = make_people(self.stack, 2, [self.room])
        self.meet()
        assert self.see(self.quest).status == 200
        assert self.click() == 302
        # This worker's work: another one's may have been seen a moment ago.
        wait_until(lambda: self.counted() == 1, seconds=60)
        wait_until(lambda: self.health().body["status"] == "healthy", seconds=60)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop_worker()
        self._open.close()

    def meet(self) -> None:
        """Alice and Bob, in the room, with new connections."""
        self.alice, self.bob = (
            self._open.enter_context(Talker(self.stack, token)) for token in self._tokens
        )
        for person in (self.alice, self.bob):
            person.join(self.room)

    # --- What they see ----------------------------------------------------------------------------
    def click(self) -> int:
        """Every one that was sent on is to be counted in the end."""
        status = self.see(f"/{self.slug}").status
        self.clicks += status == 302
        return status

    def counted(self) -> int:
        """Clicks that are stored, and those that are known to be lost."""
        return self.stack.click_count(self.slug) + self._dropped() - self._dropped_before

    def _dropped(self) -> int:
        return int(self.stack.reconcile()["dropped"])

    def write(self) -> Seen:
        return self.see("/api/links", "POST", json={"url": "https://example.com/"})

    def health(self) -> Seen:
        return self.see("/api/health")

    def see(self, path: str, method: str = "GET", **options: Any) -> Seen:
        """Over a connection of its own: each may be answered by another process."""
        began = time.perf_counter()
        headers = {"Connection": "close"}
        if method != "GET":
            headers |= {"Authorization": f"Bearer {self.stack.key}"}
        answer = requests.request(
            method, self.stack.url + path, headers=headers, allow_redirects=False,
            timeout=LONGEST, **options,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        kind = answer.headers.get("Content-Type", "")
        body = answer.json() if "json" in kind else answer.text
        return Seen(answer.status_code, seconds, answer.headers, body)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples that have these labels."""
        text = str(self.see("/api/health/metrics").body)
        lines = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(float(value) for given, value in lines if all(one in given for one in wanted))

    def stay(self) -> None:
        """Who is silent for long is taken for gone."""
        for person in (self.alice, self.bob):
            person.ask("ping")

    def say(self, words: str) -> dict[str, Any]:
        """The answer to Alice."""
        return self.alice.ask(
            "message:send", room=self.room, body=words, clientId=words.replace(" ", "-")
        )

    # --- The worker -------------------------------------------------------------------------------
    def start_worker(self) -> None:
        self._background.start()

    def stop_worker(self) -> None:
        self._background.stop()
