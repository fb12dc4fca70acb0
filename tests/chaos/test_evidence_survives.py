"""Clicks that pay quests: each is paid exactly once and none is lost, whatever dies on the way."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import requests

from tests.background import Background
from tests.links.conftest import CHROME
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(900)]
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))

# Players who each have their own address of each quest's link.
_PREPARE = """
import json
from django.db import transaction
from accounts.models import User
from links.services import create_link
from quests.authoring.services import create_quest
from quests.evidence.visits import personal_visit
alice = User.objects.get(username="alice")
def quest(name):
    create_link(owner=alice, slug=name, url="https://example.com/")
    config = {{"link": name, "sameBrowser": False}}
    step = {{"id": "visit", "kind": "visit_link", "title": "Open it", "config": config}}
    document = {{"title": name, "xpReward": 10, "status": "published", "steps": [step]}}
    return create_quest(document=document, actor=alice).number
with transaction.atomic():
    numbers = [quest(f"{name}-{{n}}") for n in range({quests})]
    players = [User.objects.create(username=f"{name}-{{n}}") for n in range({players})]
print(json.dumps([
    personal_visit(player=player, number=number, key="visit")
    for number in numbers for player in players
]))
"""
_PAID = """
from django.db.models import Count, Sum
from quests.models import Completion, Evidence, Standing
mine = Completion.objects.filter(player__username__startswith="{name}-", status="paid")
xp = Standing.objects.filter(board=0, player__username__startswith="{name}-").aggregate(s=Sum("xp"))
used = Evidence.objects.filter(completion__in=mine)
print(mine.count(), xp["s"] or 0, used.count())
"""


class Game(NamedTuple):
    name: str
    addresses: list[str]


@pytest.fixture
def play(stack: Stack) -> Callable[[int, int], Game]:
    def prepare(quests: int, players: int) -> Game:
        name = f"chaos{uuid4().hex[:8]}"
        said = stack.manage(
            "shell", "-c", _PREPARE.format(name=name, quests=quests, players=players)
        )
        return Game(name, json.loads(said.splitlines()[-1]))

    return prepare


def paid(stack: Stack, game: Game) -> tuple[int, int, int]:
    """(completions, XP, pieces of evidence that they used)."""
    said = stack.manage("shell", "-c", _PAID.format(name=game.name))
    completions, xp, used = map(int, said.split()[-3:])
    return completions, xp, used


def until_paid(stack: Stack, game: Game, expected: tuple[int, int, int]) -> None:
    """Or says what is, and where it stays."""
    try:
        wait_until(lambda: paid(stack, game) == expected, seconds=60)
    except AssertionError:
        says = requests.get(f"{stack.url}/api/health", timeout=10).text
        pytest.fail(f"{paid(stack, game)} of {expected}; {says}; {stack.reconcile()}")


def open_until_sent_on(address: str) -> None:
    """What is not answered by a redirect is tried again, as a person would."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            answer = requests.get(
                address,
                headers={"User-Agent": CHROME, "Connection": "close"},
                allow_redirects=False,
                timeout=10,
            )
            if answer.status_code == 302:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{address} was not answered")


def test_each_click_pays_once_while_everything_is_killed(
    stack: Stack, play: Callable[[int, int], Game], long_form: bool
) -> None:
    print(f"seed {SEED}:", end=" ")  # noqa: T201
    game = play(10, 200) if long_form else play(5, 40)
    chance, kills = random.Random(SEED), 24 if long_form else 6
    chance.shuffle(game.addresses)
    with Background(stack, processes=2) as background, ThreadPoolExecutor(4) as pool:
        sent_on = [pool.submit(open_until_sent_on, address) for address in game.addresses]
        for number, (name, deed) in enumerate(_deeds(stack, background, chance, kills), 1):
            due = len(sent_on) * number // (kills + 1)
            wait_until(lambda due=due: sum(one.done() for one in sent_on) >= due, seconds=200)
            deed()
            print(name, end=" ")  # noqa: T201
        for one in sent_on:
            one.result()
        expected = (len(game.addresses), 10 * len(game.addresses), len(game.addresses))
        until_paid(stack, game, expected)
    assert stack.reconcile()["differences"] == [], SEED
    print(f"{len(game.addresses)} clicks, each paid once")  # noqa: T201


def _deeds(
    stack: Stack, background: Background, chance: random.Random, number: int
) -> list[tuple[str, Callable[[], None]]]:
    """All in this thread: a server that is started again ends with the thread that started it."""

    def web() -> None:
        os.kill(chance.choice(stack.web_workers()), signal.SIGKILL)
        wait_until(lambda: len(stack.web_workers()) == 2)

    def worker(place: slice) -> Callable[[], None]:
        def kill() -> None:
            pids = wait_until(lambda: background.processes()[place], seconds=30)
            background.kill(chance.choice(pids))

        return kill

    def store(server: Any) -> Callable[[], None]:
        def kill() -> None:
            with stack.killed(server):
                pass

        return kill

    def beat() -> None:
        (pid,) = wait_until(background.beat, seconds=30)
        background.kill(pid)

    deeds = [
        ("web", web),
        ("child", worker(slice(1, None))),
        ("redis", store(stack.valkey)),
        ("worker", worker(slice(0, 1))),
        ("beat", beat),
        ("postgresql", store(stack.postgres)),
    ]
    return list(islice(cycle(deeds), number))


def test_while_celery_is_stopped_nothing_is_paid_and_afterwards_everything_is(
    stack: Stack, play: Callable[[int, int], Game], long_form: bool
) -> None:
    game = play(2, 50) if long_form else play(1, 20)
    with Background(stack) as background:
        open_until_sent_on(game.addresses[0])
        wait_until(lambda: paid(stack, game)[0] == 1, seconds=30)
        background.stop()
        try:
            stopped_at = time.monotonic()
            for address in game.addresses:
                open_until_sent_on(address)
            wait_until(lambda: time.monotonic() > stopped_at + (60 if long_form else 2), seconds=90)
            assert paid(stack, game)[0] == 1
        finally:
            background.start()
        wait_until(lambda: len(background.processes()) > 1, seconds=30)
        returned_at = time.monotonic()
        wait_until(lambda: paid(stack, game)[0] == len(game.addresses), seconds=30)
        print(f"all paid {time.monotonic() - returned_at:.1f} s after its return")  # noqa: T201
        assert paid(stack, game) == (
            *[len(game.addresses), 10 * len(game.addresses)],
            len(game.addresses),
        )
