"""Kept answers over real servers: one computation for a crowd, and something to say while
PostgreSQL is away."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(300)]
CROWD = 500


def test_500_at_once_make_an_answer_once(stack: Stack) -> None:
    """Two workers, and a list that nobody has asked for."""
    stack.make_quests({})
    url = f"{stack.url}/api/quests?search=say"

    def ask(_: int) -> str:
        answer = requests.get(url, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.headers["X-Cache"]

    for number in range(20):  # a worker's first request loads half of Django
        requests.get(f"{url}{number}", timeout=30)
    with ThreadPoolExecutor(50) as threads:
        said = Counter(threads.map(ask, range(CROWD)))

    assert said == {"MISS": 1, "HIT": CROWD - 1}


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_without_postgresql_the_old_answer_is_served_and_says_so(stack: Stack, how: str) -> None:
    (number,) = stack.make_quests({})
    url = f"{stack.url}/api/quests/{number}"

    def read() -> requests.Response:
        return requests.get(url, timeout=30)

    before = read()
    assert before.headers["X-Cache"] == "MISS"
    away = stack.killed if how == "killed" else stack.frozen
    with away(stack.postgres):
        stale = wait_until(lambda: found if is_stale(found := read()) else None)
        again = [read() for _ in range(10)]
    assert stale.json() == before.json()
    assert int(stale.headers["Age"]) >= 1
    assert all(is_stale(answer) for answer in again)
    assert max(answer.elapsed.total_seconds() for answer in again) < 3
    wait_until(lambda: read().headers["X-Cache"] == "MISS", seconds=60)


def is_stale(answer: requests.Response) -> bool:
    return answer.status_code == 200 and answer.headers["X-Cache"] == "STALE"
