"""Whatever is killed under load: every 302 that was sent is one stored click, and none is two."""

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.load import clicking
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture
def slug(stack: Stack, request: pytest.FixtureRequest) -> str:
    """A link of this test alone, known to the web workers."""
    made: str = stack.make_link(url="https://example.com/")["slug"]
    return made


def _assert_exact(stack: Stack, slug: str, redirects: int, *, unanswered: int = 0) -> None:
    """Every redirect is one stored click. `unanswered` clicks may have been stored although their
    answer got lost on its way."""
    wait_until(lambda: not list(stack.spool_files()), seconds=30)
    stack.drain()
    report = stack.reconcile()
    assert report["clean"], report["differences"]
    assert report["waiting"] == report["dropped"] == 0
    assert redirects <= stack.click_count(slug) <= redirects + unanswered


def test_killing_the_drain_loses_and_doubles_nothing(
    stack: Stack, slug: str, long_form: bool
) -> None:
    kills, randomness = 30 if long_form else 3, random.Random(7)

    with clicking(stack.port, slug, clients=4) as clicks:
        for _ in range(kills):
            drain = stack.spawn("drain_clicks")
            # At any moment of its life: while it starts, reads, writes, commits or trims.
            started = time.monotonic()
            delay = 1.5 + randomness.random()
            wait_until(lambda: time.monotonic() - started > delay)  # noqa: B023 - used at once
            drain.kill()
            drain.wait()

    assert set(clicks.statuses) == {302}
    assert not clicks.errors
    _assert_exact(stack, slug, clicks.redirects)


def test_killing_a_web_worker_fails_only_its_requests(stack: Stack, slug: str) -> None:

    with clicking(stack.port, slug) as clicks:
        for _ in range(3):
            seen = clicks.redirects
            wait_until(lambda: clicks.redirects > seen + 200)  # noqa: B023 - used at once
            victim = stack.web_workers()[0]
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: len(stack.web_workers()) == 2 and victim not in stack.web_workers())  # noqa: B023 - used at once

    assert set(clicks.statuses) == {302}
    # A client loses at most the request that it had open, and its reconnection attempts none.
    assert len(clicks.errors) <= 3 * 8
    _assert_exact(stack, slug, clicks.redirects, unanswered=len(clicks.errors))


def test_redirects_go_on_while_redis_is_gone(stack: Stack, slug: str, long_form: bool) -> None:
    seconds = 20 if long_form else 2

    with clicking(stack.port, slug) as clicks:
        wait_until(lambda: clicks.redirects > 100)
        with stack.killed(stack.valkey):
            _let_pass(seconds)
        _let_pass(1)

    assert set(clicks.statuses) == {302}
    assert not clicks.errors
    _assert_exact(stack, slug, clicks.redirects)


def test_redirects_stay_fast_while_redis_hangs(stack: Stack, slug: str, long_form: bool) -> None:
    seconds = 20 if long_form else 2

    with clicking(stack.port, slug) as clicks:
        wait_until(lambda: clicks.redirects > 100)
        with stack.frozen(stack.valkey):
            _let_pass(seconds)
        _let_pass(1)

    assert set(clicks.statuses) == {302}
    assert clicks.percentile(0.99) < 0.15
    _assert_exact(stack, slug, clicks.redirects)


def test_known_links_redirect_while_postgresql_is_gone(stack: Stack, slug: str) -> None:
    with clicking(stack.port, slug, clients=4) as clicks:
        wait_until(lambda: clicks.redirects > 100)
        with stack.killed(stack.postgres):
            # Longer than a process remembers a link without asking again.
            _let_pass(12)

    assert set(clicks.statuses) == {302}
    _assert_exact(stack, slug, clicks.redirects)


def test_an_unknown_link_is_a_clear_503_while_postgresql_is_gone(stack: Stack) -> None:
    slug = stack.make_link(url="https://example.com/")["slug"]

    with stack.killed(stack.postgres):
        answer = stack.click(slug)

    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
    assert int(answer.headers["Retry-After"]) > 0


def test_a_reload_under_load_fails_no_request(stack: Stack, slug: str, long_form: bool) -> None:
    with clicking(stack.port, slug) as clicks:
        for _ in range(5 if long_form else 1):
            seen = clicks.redirects
            wait_until(lambda: clicks.redirects > seen + 50)  # noqa: B023 - used at once
            stack.reload()

    assert not clicks.errors
    assert set(clicks.statuses) == {302}
    _assert_exact(stack, slug, clicks.redirects)


def test_a_limit_of_100_lets_exactly_100_of_200_pass(stack: Stack) -> None:
    slug = stack.make_link(url="https://example.com/", maxClicks=100)["slug"]
    with ThreadPoolExecutor(50) as pool:
        codes = list(pool.map(lambda _: stack.click(slug).status_code, range(200)))

    assert codes.count(302) == 100
    assert codes.count(410) == 100


def _let_pass(seconds: float) -> None:
    """The outage itself has a length; nothing is being waited for."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until, seconds=seconds + 5)
