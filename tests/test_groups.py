"""Tests that share a stack, or a run of the benchmarks, must meet in one process."""

import os

import pytest


@pytest.mark.xdist_group("together")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="there is one process")
def test_a_group_is_kept_together(request: pytest.FixtureRequest) -> None:
    """pytest-xdist tells its scheduler by the end of the id."""
    assert request.node.nodeid.endswith("@together")
