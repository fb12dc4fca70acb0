import os

import pytest

from tests.quests.conftest import make_quest

__all__ = ["long_form", "make_quest"]


@pytest.fixture(scope="session")
def long_form() -> bool:
    """`CHAOS=long make test ARGS=tests/chaos` does at full length what the suite does shortly."""
    return os.environ.get("CHAOS") == "long"
