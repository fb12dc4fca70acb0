"""What is known of the service, kept fresh beside the requests, so that saying it needs no thread
of Django's and asks no dependency. Imports no Django."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from monitoring.health.report import Status
from monitoring.regularly import Regularly

# Who asks gets what was found up to so many seconds ago, and has it found anew for the next one.
FRESH_SECONDS = 1.0
# Nobody asks: looked at all the same, so that the first one who does is told nothing old.
IDLE_SECONDS = 5.0
# A round takes no longer than the longest limit of a check. After that, nobody looks any more.
STALE_SECONDS = 20.0

Report = Mapping[str, Any]


class Said(NamedTuple):
    status: Status
    body: bytes


class HealthWatch:
    """`look` gives the report that anybody may read; `has_met_database`, whether to be ready."""

    def __init__(
        self, look: Callable[[], Report], has_met_database: Callable[[], bool] = lambda: True
    ) -> None:
        self.has_met_database = has_met_database
        self._look = look
        self._report: Report = {}
        self._said: Said | None = None
        self._seen_at = 0.0
        self._rounds = Regularly("health-watch", self.look, seconds=IDLE_SECONDS)

    async def start(self) -> None:
        await self._rounds.start()

    async def stop(self) -> None:
        await self._rounds.stop()

    def look(self) -> None:
        self._report = self._look()
        self._said = Said(self._report["status"], _encoded(self._report))
        self._seen_at = time.monotonic()

    def said(self) -> Said | None:
        """None before the first round has ended."""
        age = time.monotonic() - self._seen_at
        if age > FRESH_SECONDS:
            self._rounds.wake()
        if self._said is None or age <= STALE_SECONDS:
            return self._said
        return self._stale()

    def statuses(self) -> Iterator[tuple[str, str]]:
        """(check, status), and that of `all`; of what is too old, only that it is."""
        if (said := self.said()) is None:
            return
        yield "all", said.status
        if time.monotonic() - self._seen_at <= STALE_SECONDS:
            for name, check in self._report["checks"].items():
                yield name, check["status"]

    def _stale(self) -> Said:
        """The checks themselves hang, which is nothing to be silent about."""
        watch = {"watch": {"status": Status.UNAVAILABLE}}
        report = {
            **self._report,
            "status": Status.UNAVAILABLE,
            "checks": {**self._report["checks"], **watch},
        }
        return Said(Status.UNAVAILABLE, _encoded(report))


def _encoded(report: Report) -> bytes:
    return json.dumps(report, separators=(",", ":")).encode()
