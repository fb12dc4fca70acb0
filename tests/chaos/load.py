"""Clients that click all the time while something is being killed."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# Enough clicks to meet any moment, and not so many that they are all the machine does.
PAUSE = 0.004


@dataclass
class Clicks:
    """What the clients saw. `errors` are connections that broke before an answer was there."""

    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def redirects(self) -> int:
        return self.statuses[302]

    def percentile(self, share: float) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * share)]


@contextmanager
def clicking(port: int, slug: str, *, clients: int = 8, pause: float = PAUSE) -> Iterator[Clicks]:
    """Keep-alive clients that click until the block ends; each waits for its answer, and `pause`
    seconds more."""
    clicks, stop, lock = Clicks(), threading.Event(), threading.Lock()

    def run() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while not stop.wait(pause):
            started = time.monotonic()
            try:
                connection.request("GET", f"/{slug}", headers={"User-Agent": "Mozilla/5.0 (X11)"})
                status = connection.getresponse()
                status.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                with lock:
                    clicks.errors.append(type(error).__name__)
                continue
            with lock:
                clicks.statuses[status.status] += 1
                clicks.seconds.append(time.monotonic() - started)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield clicks
    finally:
        stop.set()
        for thread in threads:
            thread.join()
