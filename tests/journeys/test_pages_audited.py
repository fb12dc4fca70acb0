"""Every page, for people who see little, have no mouse or a small screen: judged by audit.js in
Chromium, in both schemes and two widths."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.browsers import needs_chromium
from tests.stack import Stack

pytestmark = [
    pytest.mark.xdist_group("second stack"),
    pytest.mark.timeout(300),
    needs_chromium,
]
AUDIT = Path(__file__).with_name("audit.js").read_text(encoding="utf-8")
# Of a first visit, compressed, in bytes.
MOST_TRANSFERRED = 150_000
VISITORS = (
    "/", "/quests", "/quests/1", "/quests/2", "/leaderboard", "/players/maya-demo", "/status",
    "/login", "/api/docs", "/handbook+", "/nothing-here",
)  # fmt: skip
PLAYERS = ("/", "/quests", "/quests/2", "/quests/2/why", "/me", "/rooms", "/rooms/demo-lobby")
OPERATORS = ("/links",)


@pytest.fixture(scope="module")
def demo(stack: Stack) -> Iterator[str]:
    """Its operator's password."""
    said = stack.manage("demo", "load")
    yield said.split("password ")[1].split()[0]
    stack.manage("demo", "clear", check=False)
