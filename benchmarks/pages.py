"""The pages of people, with the demo in them: the server's time of each, one request after the
other on a kept connection, beside that of a page without a question to the database.
"""

import http.client
import time
from collections.abc import Mapping
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.inside import call
from benchmarks.machine import placement, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.servers import rallypoint
from benchmarks.stores import Stores

_TARGET_MS = 50
_WARM_UP = 5
VISITOR, PLAYER, OPERATOR = "", "maya-demo", "demo"
PEER = "a page without a query"


class _Page(NamedTuple):
    name: str
    path: str
    person: str = VISITOR


PAGES = (
    _Page(PEER, "/nothing/here"),
    _Page("home", "/"),
    _Page("board", "/quests"),
    _Page("quest", "/quests/2"),
    _Page("leaderboard", "/leaderboard"),
    _Page("profile", "/players/maya-demo"),
    _Page("raffle", "/raffles/demo-autumn-draw"),
    _Page("status", "/status"),
    _Page("developers", "/developers"),
    _Page("player's home", "/", PLAYER),
    _Page("player's board", "/quests", PLAYER),
    _Page("player's quest", "/quests/7", PLAYER),
    _Page("player's why", "/quests/4/why", PLAYER),
    _Page("player's XP", "/me", PLAYER),
    _Page("rooms", "/rooms", PLAYER),
    _Page("room", "/rooms/demo-lobby", PLAYER),
    _Page("links", "/links", OPERATOR),
    _Page("dashboard", "/admin/", OPERATOR),
    _Page("quest's statistics", "/admin/quests/quest/2/statistics/", OPERATOR),
    _Page("completions", "/admin/quests/completion/", OPERATOR),
    _Page("ledger", "/admin/quests/ledgerentry/", OPERATOR),
    _Page("evidence", "/admin/quests/evidence/", OPERATOR),
    _Page("integrity", "/admin/quests/completion/integrity/", OPERATOR),
    _Page("messages", "/admin/realtime/message/", OPERATOR),
    _Page("people", "/admin/accounts/user/", OPERATOR),
)


def run(stores: Stores, plan: Plan) -> Result:
    result = Result("pages", f"{len(PAGES)} pages with the demo's data; {placement('asker')}")
    with stores.new("pages") as store:
        store.manage("demo", "load")
        cookies = call(store, sign_in, names=[PLAYER, OPERATOR])
        with rallypoint(store) as url:
            times = _in_turn(url, {VISITOR: "", **cookies}, plan)
    result.sides += [Side(name, "ms", rounds, "median") for name, rounds in times.items()]
    slowest = max(result.sides, key=lambda side: side.median)
    result.targets += [
        Target(f"median of {side.name}", side.median, _TARGET_MS, "ms", at_least=False)
        for side in result.sides
        if side.name != PEER
    ]
    ratio = slowest.median / median(times[PEER])
    result.notes.append(f"{slowest.name} / {PEER}: {ratio:.1f} x")
    return result


def sign_in(*, names: list[str]) -> dict[str, str]:
    """Inside Django: the cookies of each."""
    from django.test import Client

    from accounts.models import User

    found = {}
    for name in names:
        client = Client()
        client.force_login(User.objects.get(username=name))
        found[name] = "; ".join(f"{key}={one.value}" for key, one in client.cookies.items())
    return found


def _in_turn(url: str, cookies: Mapping[str, str], plan: Plan) -> dict[str, list[float]]:
    """Page after page, so that what the machine does to one of them it does to all."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)

    def once(page: _Page) -> float:
        headers = {"Cookie": cookies[page.person]} if page.person else {}
        started = time.perf_counter()
        connection.request("GET", page.path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (404 if page.name == PEER else 200), (page, answer.status)
        return (time.perf_counter() - started) * 1000

    for _ in range(_WARM_UP):
        for page in PAGES:
            once(page)
    times: dict[str, list[float]] = {page.name: [] for page in PAGES}
    for number in range(1, plan.rounds + 1):
        asked = [{page.name: once(page) for page in PAGES} for _ in range(plan.requests)]
        for name, rounds in times.items():
            rounds.append(median(one[name] for one in asked))
        slowest = max(times, key=lambda name: times[name][-1])
        say(f"pages: round {number} of {plan.rounds}: {slowest} {times[slowest][-1]:.1f} ms")
    return times
