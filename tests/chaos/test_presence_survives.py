"""Who was connected only to a process that was killed leaves once, within a minute; nobody else
does."""

import json
import os
import signal
import time
from contextlib import ExitStack

import pytest
from redis import Redis
from websockets.exceptions import ConnectionClosed

from realtime.presence.register import PREFIX
from tests.chaos.crowd import make_people
from tests.realtime.talkers import Talker
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(300)]
PEOPLE = 8
ROOM = "killed"


def is_open(talker: Talker) -> bool:
    try:
        return bool(talker.ask("ping"))
    except (ConnectionClosed, OSError):
        return False


def present(talker: Talker) -> set[str]:
    page = talker.ask("presence:list", room=ROOM)["data"]
    names = [person["user"]["username"] for person in page["people"]]
    assert page["present"] == len(names) == len(set(names))
    return set(names)


def serving(stack: Stack) -> set[int]:
    live = json.loads(stack.manage("rooms_live", "--json"))
    return {process["pid"] for process in live["processes"]}


def expire_leases(stack: Stack) -> None:
    """As if thirty seconds had passed; whoever lives renews its own within five."""
    with Redis.from_url(stack.env["REDIS_URL"]) as redis:
        processes = redis.zrange(f"{PREFIX}processes", 0, -1)
        redis.zadd(f"{PREFIX}processes", {name: time.time() + 6 for name in processes})


def test_the_people_of_a_killed_process_leave_once(stack: Stack, long_form: bool) -> None:
    tokens = make_people(stack, PEOPLE, [ROOM])
    # A worker that has only just begun would hold nobody, and the other one all.
    wait_until(lambda: serving(stack) >= set(stack.web_workers()), seconds=60)
    with ExitStack() as open_ones:
        # One has a single connection, the next two, the next three: some lose all, some a part.
        crowd = [
            (number, open_ones.enter_context(Talker(stack, token)))
            for number, token in enumerate(tokens)
            for _ in range(1 + number % 3)
        ]
        for _, talker in crowd:
            talker.join(ROOM)
        everybody = {f"crowd-{number}" for number in range(PEOPLE)}
        assert present(crowd[-1][1]) == everybody
        os.kill(stack.web_workers()[0], signal.SIGKILL)
        killed_at = time.monotonic()
        left = [(number, talker) for number, talker in crowd if is_open(talker)]
        assert 0 < len(left) < len(crowd)
        expected = {f"crowd-{number}" for number, _ in left}
        if not long_form:
            expire_leases(stack)
        watcher = left[-1][1]
        wait_until(lambda: present(watcher) == expected, seconds=60)
        assert time.monotonic() - killed_at < 60
        told = [
            frame["data"]["user"]["username"]
            for frame in watcher.heard_until_now("presence:updated")
            if frame["data"].get("left")
        ]
        assert sorted(told) == sorted(everybody - expected)
