"""Who is there: visitors, players, people in rooms, and somebody's server that wants to be told."""

import json
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from tests.chaos.campaign.guests import Guest, Talk
from tests.chaos.campaign.notes import Notes
from tests.chaos.campaign.players import Player
from tests.chaos.campaign.receiver import Receiver
from tests.chaos.campaign.visitors import make_visitors
from tests.chaos.crowd import make_people
from tests.stack import Stack, wait_until

SLUGS, VISITORS, PLAYERS, GUESTS, ROOMS = 4, 6, 4, 8, 2
QUESTS_A_FILE = 1_000
# The relay brings it to the receiver: see worker.py.
RECEIVER = "http://receiver.test/"


class Workload:
    """Works inside of `with`; what is seen stands in `notes`. `rest` lets it come to an end."""

    def __init__(self, stack: Stack, seed: int, *, quests: int) -> None:
        self.stack, self.notes = stack, Notes()
        self.tag = uuid4().hex[:8]
        self.receiver = Receiver(seed, self.notes)
        self._quests = quests
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        random.seed(seed)  # of which clients of rooms take their pauses

    def __enter__(self) -> Self:
        self.began = datetime.now(UTC)
        self.receiver.__enter__()
        self.slugs = [
            self.stack.make_link(url="https://example.com/")["slug"] for _ in range(SLUGS)
        ]
        for slug in self.slugs:
            wait_until(lambda slug=slug: self.stack.click(slug).status_code == 302)
        self.rooms = [f"campaign-{self.tag}-{number}" for number in range(ROOMS)]
        tokens = _lasting(self.stack, make_people(self.stack, PLAYERS, self.rooms))
        for made in range(0, self._quests, QUESTS_A_FILE):
            many = min(QUESTS_A_FILE, self._quests - made)
            self.stack.make_quests(*[{"title": self.tag}] * many)
        self._subscribe()
        self._let_in_visitors()
        self._let_in_players(tokens)
        self._let_in_guests(tokens)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self.talk.stop()
        self.receiver.__exit__()

    def rest(self) -> None:
        """Visitors and players end what they are at; people stay in their rooms, and are silent;
        the receiver makes no more mistakes."""
        self._over.set()
        self.receiver.mended.set()
        for thread in self._threads:
            thread.join(150)
            assert not thread.is_alive(), "a client hangs"
        self.talk.rest()

    def _let_in_visitors(self) -> None:
        self.visitors = make_visitors(
            VISITORS, port=self.stack.port, slugs=self.slugs, notes=self.notes, chance=self._chance
        )
        for visitor in self.visitors:
            self._begin(visitor.run, self._over)

    def _let_in_players(self, tokens: list[str]) -> None:
        numbers = json.loads(self._shell(
            "from quests.models import Quest;"
            f"numbers = Quest.objects.filter(title='{self.tag}').values_list('number', flat=True);"
            "print(json.dumps(list(numbers)))"
        ))  # fmt: skip
        for number, token in enumerate(tokens):
            chance = random.Random(self._chance.random())
            name = f"crowd-{number}"
            player = Player(self.stack.url, name, token, self.tag, self.notes, chance)
            self._begin(player.run, self._over, sorted(numbers))

    def _let_in_guests(self, tokens: list[str]) -> None:
        url = f"{self.stack.url.replace('http', 'ws')}/ws/"
        self.talk = Talk([
            Guest(
                url, tokens[number % PLAYERS], self.rooms[number % ROOMS],
                f"{self.tag}-{number}", self.notes,
            )
            for number in range(GUESTS)
        ])  # fmt: skip
        self.talk.start()

    def _subscribe(self) -> None:
        """A member of the staff hears of everybody's events."""
        self._shell(
            "from accounts.models import User; from quests.webhooks.services import create_webhook;"
            "owner = User.objects.create(username='campaign', is_staff=True);"
            f"create_webhook(owner=owner, url='{RECEIVER}')"
        )

    def _shell(self, code: str) -> str:
        said = self.stack.manage("shell", "-c", f"import json; {code}")
        return said.splitlines()[-1] if said else ""

    def _begin(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)


def _lasting(stack: Stack, tokens: list[str]) -> list[str]:
    """The same ones, good for a day: a campaign is longer than a quarter of an hour."""
    said = stack.manage(
        "shell", "-c",
        "import json; from datetime import timedelta;"
        "from rest_framework_simplejwt.tokens import AccessToken;"
        f"tokens = [AccessToken(token) for token in {tokens!r}];"
        "[token.set_exp(lifetime=timedelta(days=1)) for token in tokens];"
        "print(json.dumps([str(token) for token in tokens]))",
    )  # fmt: skip
    return list(json.loads(said.splitlines()[-1]))
