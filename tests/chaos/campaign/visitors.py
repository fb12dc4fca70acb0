"""Who clicks."""

import http.client
import random
import threading
from collections.abc import Iterator
from itertools import product
from string import ascii_uppercase

from tests.chaos.campaign.notes import Cell, Notes
from tests.stack import wait_until

PATIENCE = 10.0
THINKING = 0.02  # s between two clicks
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"
# Without those that are no country to anybody.
_CODES = [code for code in map("".join, product(ascii_uppercase, repeat=2)) if code != "ZZ"]
_CODES.remove("XX")


class Visitor:
    """Clicks over one connection that she keeps, and notes what she sees. After each answer that
    never came she goes to another country, so that what she does there is counted apart."""

    def __init__(
        self, port: int, slugs: list[str], notes: Notes, chance: random.Random, codes: Iterator[str]
    ) -> None:
        self._slugs, self._notes, self._chance, self._codes = slugs, notes, chance, codes
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._country = next(codes)
        # Whether what she does now may get lost, and is to be.
        self.is_losable = self.will_be_losable = False

    def run(self, over: threading.Event) -> None:
        while not over.wait(THINKING):
            if self.is_losable != self.will_be_losable:
                self._move_on()
            slug = self._chance.choice(self._slugs)
            if failure := self._click(slug):
                fault = self._notes.fault
                is_saved = not over.wait(0.25) and not self._click(slug)
                with self._notes.lock:
                    self._notes.refused[fault, failure] += 1
                    self._notes.saved += is_saved
            with self._notes.lock:
                self._notes.first_tries += 1
        self._connection.close()

    def _move_on(self) -> None:
        self._country = next(self._codes, self._country)
        self.is_losable = self.will_be_losable
        if self.is_losable:
            self._notes.losable.add(self._country)

    def _click(self, slug: str) -> str:
        """What went wrong, if anything did."""
        cell = Cell(slug, self._country)
        try:
            status = self._ask(slug)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if not isinstance(error, ConnectionRefusedError):
                with self._notes.lock:
                    self._notes.unknown[cell] += 1
                self._move_on()
            return type(error).__name__
        if status != 302:
            return str(status)
        with self._notes.lock:
            self._notes.seen[cell] += 1
        self._notes.note_well("redirect")
        return ""

    def _ask(self, slug: str) -> int:
        headers = {"User-Agent": _AGENT, "CF-IPCountry": self._country}
        self._connection.request("GET", f"/{slug}", headers=headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


def make_visitors(
    many: int, *, port: int, slugs: list[str], notes: Notes, chance: random.Random
) -> list[Visitor]:
    return [
        Visitor(port, slugs, notes, random.Random(chance.random()), iter(_CODES[number::many]))
        for number in range(many)
    ]


def let_clicks_be_lost(visitors: list[Visitor], *, wanted: bool) -> None:
    """From here on, or no longer; no click is under way that began before."""
    for visitor in visitors:
        visitor.will_be_losable = wanted
    wait_until(lambda: all(one.is_losable == wanted for one in visitors), seconds=2 * PATIENCE)
