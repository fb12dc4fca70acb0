"""The product with a replica beside its PostgreSQL: statistics come from there, and nobody misses
what she wrote herself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from redis import Redis

from monitoring.embedded.postgres import Postgres
from tests.replication import Replica, following, replay_paused
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.xdist_group("replicas")
SIGN_IN = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from accounts.models import User
user, session = User.objects.get(username="alice"), SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
print(session.session_key)
"""


class Replicated:
    """An hour of lag is allowed: so that a test can see which of the two answered."""

    def __init__(self, stack: Stack, replica: Replica) -> None:
        self.stack, self.replica = stack, replica
        self.redis: Redis = Redis.from_url(stack.env["REDIS_URL"], socket_timeout=5)

    def time_passes(self) -> None:
        """Since whoever wrote last."""
        for key in self.redis.scan_iter("rallypoint:wrote:*"):
            self.redis.delete(key)

    def stats(self, link: dict[str, Any]) -> int:
        url = f"{self.stack.url}/api/links/{link['id']}/stats?bots=include"
        answer = self.stack.api.get(url, timeout=10)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["totals"]["clicks"])

    def click(self, slug: str) -> None:
        assert self.stack.click(slug).status_code == 302
        self.stack.drain()

    def link_with_a_click(self, slug: str) -> dict[str, Any]:
        """That the replica knows of, and made a while ago."""
        link = self.stack.make_link(url="https://example.com/", slug=slug)
        self.click(slug)
        self.time_passes()
        wait_until(lambda: self.stats(link) == 1)
        return link

    def health(self) -> dict[str, Any]:
        found = requests.get(f"{self.stack.url}/api/health", timeout=10).json()
        return dict(found["checks"]["replicas"])


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    directory: Path = tmp_path_factory.mktemp("replicas")
    directory.chmod(0o711)
    with Stack(directory, workers=1, DATABASE_REPLICA_MAX_LAG="3600") as stack:
        assert isinstance(stack.postgres, Postgres)
        with following(stack.postgres) as replica:
            stack.stop_web()
            stack.env["DATABASE_REPLICA_URLS"] = replica.url
            stack.start_web()
            yield Replicated(stack, replica)


def test_statistics_come_from_the_replica_but_for_who_wrote_a_moment_ago(
    replicated: Replicated,
) -> None:
    link = replicated.link_with_a_click("aged")
    with replay_paused(replicated.replica):
        replicated.click("aged")
        assert replicated.stats(link) == 1
        edit = {"title": "Aged"}
        url = f"{replicated.stack.url}/api/links/{link['id']}"
        assert replicated.stack.api.patch(url, json=edit, timeout=10).status_code == 200
        assert replicated.stats(link) == 2
        replicated.time_passes()
        assert replicated.stats(link) == 1


def test_an_open_page_with_old_figures_is_told_of_the_newer_ones(replicated: Replicated) -> None:
    link = replicated.link_with_a_click("opened")
    stack = replicated.stack
    cookies = {"rallypoint_session": stack.manage("shell", "-v", "0", "-c", SIGN_IN).split()[-1]}
    page = f"{stack.url}/links/{link['id']}"
    with replay_paused(replicated.replica):
        replicated.click("opened")
        shown = requests.get(page, cookies=cookies, timeout=10).text
        assert 'data-after="1"' in shown
        feed = requests.get(f"{page}/clicks?after=1", cookies=cookies, timeout=10)
        assert feed.json()["figures"]["clicks"] == "2"


def test_a_replica_that_dies_costs_nobody_an_answer_and_degrades(replicated: Replicated) -> None:
    link = replicated.link_with_a_click("bereft")
    assert replicated.health()["status"] == "healthy"
    replicated.replica.stop()
    try:
        assert [replicated.stats(link) for _ in range(10)] == [1] * 10
        wait_until(lambda: replicated.health()["status"] == "degraded")
        replicated.click("bereft")
        assert replicated.stats(link) == 2
    finally:
        replicated.replica.start()
    wait_until(lambda: replicated.health()["status"] == "healthy")


def test_a_list_is_exported_from_the_replica(replicated: Replicated) -> None:
    replicated.link_with_a_click("exported")
    url = f"{replicated.stack.url}/api/links/export.csv"
    with replay_paused(replicated.replica):
        replicated.click("exported")
        (line,) = [
            line
            for line in replicated.stack.api.get(url, timeout=10).text.splitlines()
            if line.startswith("exported,")
        ]
    assert line.split(",")[-2] == "1"
