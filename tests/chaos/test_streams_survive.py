"""Two processes drain three streams and are killed in turn: every 302 is one stored click."""

import random
import time
from collections.abc import Iterator

import pytest

from tests.chaos.load import clicking
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.xdist_group("streams")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("streams")
    directory.chmod(0o711)  # the servers' user passes through
    with Stack(directory, CLICK_STREAMS="3") as running:
        yield running


def test_drains_that_are_killed_side_by_side_lose_and_double_nothing(
    several: Stack, long_form: bool
) -> None:
    kills, randomness = 30 if long_form else 4, random.Random(7)
    slug = several.make_link(url="https://example.com/")["slug"]
    drains = [several.spawn("drain_clicks") for _ in range(2)]
    try:
        with clicking(several.port, slug, clients=4) as clicks:
            for number in range(kills):
                started, delay = time.monotonic(), 1.5 + randomness.random()
                wait_until(lambda: time.monotonic() - started > delay)  # noqa: B023 - used at once
                drains[number % 2].kill()
                drains[number % 2].wait()
                drains[number % 2] = several.spawn("drain_clicks")
        wait_until(lambda: several.click_count(slug) == clicks.redirects, seconds=60)
    finally:
        for drain in drains:
            drain.kill()
            drain.wait()

    assert set(clicks.statuses) == {302}
    report = several.reconcile()
    assert report["clean"], report["differences"]
    assert report["waiting"] == report["dropped"] == 0
