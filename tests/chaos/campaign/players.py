"""Who completes quests."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.chaos.campaign.notes import Notes

PATIENCE = 10.0
# For an answer in the end, whatever is broken meanwhile.
INSISTENCE = 120.0
PACE = 1.0  # s between two quests, on average


class Player:
    """Does the quests in an order of her own, each from two devices at once, and each of them asks
    with a key of its own until it is answered, as a good client does."""

    def __init__(
        self, url: str, name: str, token: str, tag: str, notes: Notes, chance: random.Random
    ) -> None:
        self._url, self._name, self._tag, self._notes, self._chance = url, name, tag, notes, chance
        self._headers = {"Authorization": f"Bearer {token}", "Connection": "close"}

    def run(self, over: threading.Event, quests: list[int]) -> None:
        devices = ("phone", "desk")
        with ThreadPoolExecutor(len(devices)) as asking:
            for number in self._chance.sample(quests, len(quests)):
                if over.wait(2 * PACE * self._chance.random()):
                    return
                with self._notes.lock:
                    self._notes.asked.add((self._name, number))
                list(asking.map(lambda device, quest=number: self._insist(quest, device), devices))

    def _insist(self, quest: int, device: str) -> None:
        last, deadline = "", time.monotonic() + INSISTENCE
        while (last := self._ask(quest, device)) and time.monotonic() < deadline:
            time.sleep(0.2)
        if last:
            self._notes.given_up.append(f"{self._name}, quest {quest}, {device}: {last}")

    def _ask(self, quest: int, device: str) -> str:
        """What was met instead of an answer, if anything."""
        headers = {**self._headers, "Idempotency-Key": f"{self._tag}-{device}-{quest}"}
        try:
            answer = requests.post(
                f"{self._url}/api/progress/complete/{quest}", headers=headers, timeout=PATIENCE
            )
            said = answer.json()
        except (requests.RequestException, ValueError) as error:
            return type(error).__name__
        done = said if answer.status_code == 200 else said.get("firstResult", {})
        if answer.status_code not in {200, 409} or "completionId" not in done:
            return f"{answer.status_code} {said.get('code')}"
        with self._notes.lock:
            self._notes.paid[self._name, quest].add(done["completionId"])
        self._notes.note_well("completion")
        return ""
