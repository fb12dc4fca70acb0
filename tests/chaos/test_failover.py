"""Redis' master is killed under load: the sentinels' other one goes on, and no click is missing."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.background import Background
from tests.chaos.load import clicking
from tests.sentinels import Watched, end, watched
from tests.stack import Stack, wait_until

# Seconds that the replica is away from the master: what is on its way is lost with the master.
FAR = 0.03
pytestmark = pytest.mark.xdist_group("failover")


@pytest.fixture(scope="module")
def stores() -> Iterator[Watched]:
    with watched() as running:
        yield running


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory, stores: Watched) -> Iterator[Stack]:
    """Each click is at both before its 302."""
    directory = tmp_path_factory.mktemp("failover")
    directory.chmod(0o711)
    with Stack(directory, REDIS_URL=stores.url, REDIS_WAIT_REPLICAS="1") as running:
        yield running


def settled(stack: Stack) -> dict[str, Any]:
    wait_until(lambda: not list(stack.spool_files()), seconds=30)
    stack.drain()
    return stack.reconcile()


def test_a_master_that_is_killed_takes_no_click_along(followed: Stack, stores: Watched) -> None:
    slug = followed.make_link(url="https://example.com/")["slug"]
    with stores.far_replica(FAR), clicking(followed.port, slug) as clicks:
        wait_until(lambda: clicks.redirects > 100)
        with stores.failed_over():
            seen = clicks.redirects
            wait_until(lambda: clicks.redirects > seen + 200)
        seen = clicks.redirects
        wait_until(lambda: clicks.redirects > seen + 200)

    assert set(clicks.statuses) == {302}
    assert not clicks.errors
    report = settled(followed)
    assert report["clean"], report["differences"]
    assert followed.click_count(slug) == clicks.redirects


def test_clicks_wait_on_disk_while_no_replica_has_them(followed: Stack, stores: Watched) -> None:
    slug = followed.make_link(url="https://example.com/")["slug"]
    followed.click(slug)
    replica = stores.replica
    end(replica)
    try:
        answers = [followed.click(slug).status_code for _ in range(20)]
        with stores.master.client() as master:
            for _ in range(3):  # they look whether it may be sent
                master.delete("rallypoint:knock")
                wait_until(lambda: master.exists("rallypoint:knock"))
        assert list(followed.spool_files())
    finally:
        replica.start()
        wait_until(stores.is_whole, seconds=30)
    assert answers == [302] * 20
    assert settled(followed)["clean"]
    assert followed.click_count(slug) == 21


def test_all_parts_heal_after_a_failover(followed: Stack, stores: Watched) -> None:
    slug = followed.make_link(url="https://example.com/")["slug"]
    with Background(followed):
        wait_until(lambda: not _ill(followed), seconds=60)
        with stores.failed_over():
            pass
        followed.click(slug)
        wait_until(lambda: followed.click_count(slug) == 1, seconds=60)  # by beat and a worker
        wait_until(lambda: not _ill(followed), seconds=60)


def _ill(stack: Stack) -> set[str]:
    """What the health report has to complain of; the machine's own parts are not ours here."""
    checks = requests.get(f"{stack.url}/api/health", timeout=10).json()["checks"]
    found = {name for name, check in checks.items() if check["status"] != "healthy"}
    return found - {"disk", "memory", "clock"}
