"""Somebody's server, which wants to be told of everything that happens."""

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.chaos.campaign.notes import Notes

REFUSES, HANGS = 0.08, 0.02
# Longer than a webhook is waited for.
SILENCE = 12.0


class Receiver(ThreadingHTTPServer):
    """Now and then it is at fault itself, as such servers are, until it is `mended`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, seed: int, notes: Notes) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.notes = notes
        self.mended = threading.Event()
        self._chance = random.Random(seed)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mended.set()
        self.shutdown()
        self.server_close()

    def status(self) -> int:
        if self.mended.is_set():
            return 204
        luck = self._chance.random()
        if luck < HANGS:
            self.mended.wait(SILENCE)
        return 500 if luck < HANGS + REFUSES else 204

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that was killed is no news."""


class _Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.status()
        if status == 204:
            with self.server.notes.lock:
                self.server.notes.events[event["id"]] += 1
                self.server.notes.told_of[event["data"].get("completionId")] += 1
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...
