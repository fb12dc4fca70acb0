"""Who is there: visitors, players, people in rooms, and somebody's server that wants to be told."""

import asyncio
import http.client
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import requests

from tests.chaos.campaign.notes import Notes
from tests.chaos.crowd import Client, make_crowd, make_people
from tests.stack import Stack, wait_until

AGENT = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"}
PATIENCE = 10.0
SLUGS, VISITORS, PLAYERS, TALKERS, ROOMS = 4, 6, 4, 8, 2
THINKING = 0.02  # s between two clicks of a visitor; others take ten times of it


class Workload:
    """Works inside of `with`; what is seen stands in `notes`. `rest` lets it come to an end."""

    def __init__(self, stack: Stack, seed: int, receiver: "Receiver") -> None:
        self.stack, self.notes = stack, Notes()
        self._receiver = receiver
        self._receiver.notes = self.notes
        self._random = random.Random(seed)
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Self:
        self.began = datetime.now(UTC)
        self.slugs = [
            self.stack.make_link(url="https://example.com/")["slug"] for _ in range(SLUGS)
        ]
        self.tag = uuid4().hex[:8]
        self.rooms = [f"campaign-{self.tag}-{number}" for number in range(ROOMS)]
        self.talkers = make_crowd(
            self.stack, clients=TALKERS, rooms=self.rooms, messages=0, pace=THINKING * 15
        )
        self.players = make_people(self.stack, PLAYERS, [])
        self.quests = self.stack.make_quests(*[{} for _ in range(40)])
        self._subscribe()
        for slug in self.slugs:
            wait_until(lambda slug=slug: self.stack.click(slug).status_code == 302)
            self.notes.clicks[slug] += 1
        for _ in range(VISITORS):
            self._begin(self._visit, random.Random(self._random.random()))
        for number, token in enumerate(self.players):
            self._begin(self._play, f"crowd-{number}", token, random.Random(self._random.random()))
        self._begin(self._talk)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.rest()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._threads[-1].join(20)

    def rest(self) -> None:
        """Visitors and players end what they are at; people stay in their rooms, and are silent."""
        self._over.set()
        for thread in self._threads[:-1]:
            thread.join(120)
            assert not thread.is_alive(), "a client hangs"
        for talker in self.talkers:
            talker.left.clear()

    def _begin(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    # --- Visitors ---------------------------------------------------------------------------------
    def _visit(self, chance: random.Random) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=PATIENCE)
        while not self._over.wait(THINKING):
            slug = chance.choice(self.slugs)
            try:
                connection.request("GET", f"/{slug}", headers=AGENT)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                was_sent = not isinstance(error, ConnectionRefusedError)
                connection.close()
                with self.notes.lock:
                    self.notes.unknown[slug] += was_sent
                    self.notes.refused[type(error).__name__] += 1
                continue
            with self.notes.lock:
                if answer.status == 302:
                    self.notes.clicks[slug] += 1
                else:
                    self.notes.refused[str(answer.status)] += 1

    # --- Players ----------------------------------------------------------------------------------
    def _play(self, name: str, token: str, chance: random.Random) -> None:
        for number in self.quests:
            if self._over.wait(THINKING * 10 * chance.random() * 10):
                return
            with self.notes.lock:
                self.notes.asked.add((name, number))
            # As a good client does: with one key until there is an answer.
            wait_until(lambda number=number: self._completed(name, token, number), seconds=110)

    def _completed(self, name: str, token: str, number: int) -> bool:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"{self.tag}-{number}"}
        headers["Connection"] = "close"
        url = f"{self.stack.url}/api/progress/complete/{number}"
        try:
            answer = requests.post(url, headers=headers, timeout=PATIENCE)
            said = answer.json()
        except (requests.RequestException, ValueError):
            return False
        done = said if answer.status_code == 200 else said.get("firstResult", {})
        if answer.status_code not in {200, 409} or "completionId" not in done:
            time.sleep(0.2)
            return False
        with self.notes.lock:
            self.notes.paid[name, number].add(done["completionId"])
        return True

    # --- People in rooms --------------------------------------------------------------------------
    def _talk(self) -> None:
        asyncio.set_event_loop(self._loop)
        for number, talker in enumerate(self.talkers):
            talker.left.extend(f"{self.tag}-{number}-{word}" for word in range(20_000))
            talker.on_ack = self._note_words
            talker.living = self._loop.create_task(talker.run())
        self._loop.run_forever()
        for talker in self.talkers:
            talker.living.cancel()
        ended = asyncio.gather(*(one.living for one in self.talkers), return_exceptions=True)
        self._loop.run_until_complete(ended)

    def _note_words(self, talker: Client, words: str) -> None:
        self.notes.acknowledged.add((talker.room, words))

    # --- Somebody's server ------------------------------------------------------------------------
    def _subscribe(self) -> None:
        """A member of the staff hears of everybody's events."""
        self.stack.manage(
            "shell", "-c",
            "from accounts.models import User; from quests.webhooks.services import create_webhook;"
            "owner, is_new = User.objects.get_or_create(username='campaign', is_staff=True);"
            "is_new and create_webhook(owner=owner, url='http://receiver.test/')",
        )  # fmt: skip


class Receiver(ThreadingHTTPServer):
    """Takes what webhooks bring; now and then it is at fault itself, as such servers are."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.notes = Notes()
        self.chance = random.Random(seed)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that was killed is no news."""


class _Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        is_well = self.server.chance.random() > 0.1
        with self.server.notes.lock:
            self.server.notes.delivered[self.headers["Webhook-Id"]] += is_well
        self.send_response(204 if is_well else 500)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...
