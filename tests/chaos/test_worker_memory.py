"""A worker that has grown too big leaves, and nobody's request fails."""

import pytest

from tests.chaos.load import clicking
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.xdist_group("stack")


def test_one_at_a_time_is_replaced_and_no_request_fails(stack: Stack) -> None:
    slug = stack.make_link(url="https://example.com/")["slug"]
    stack.stop_web()
    stack.env["WORKER_MAX_MEMORY_MB"] = "1"
    try:
        stack.start_web()
        before = set(stack.web_workers())
        with clicking(stack.port, slug, clients=4) as clicks:
            wait_until(lambda: not before <= set(stack.web_workers()), seconds=30)
            wait_until(lambda: len(stack.web_workers()) == len(before), seconds=30)
            seen = clicks.redirects
            wait_until(lambda: clicks.redirects > seen + 100)
        assert set(clicks.statuses) == {302}
        assert not clicks.errors
        assert len(before & set(stack.web_workers())) == len(before) - 1
        assert "worker_retires" in stack.web_log()
    finally:
        stack.stop_web()
        del stack.env["WORKER_MAX_MEMORY_MB"]
        stack.start_web()
