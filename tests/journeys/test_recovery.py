"""From an empty machine: the demo of one instance is backed up, restored in another one, which has
servers of its own, and served there, with every number proved."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.xdist_group("recovery"), pytest.mark.timeout(300)]
CLICKS = 12


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, object]]]:
    """Of an instance that is gone by then, and what it had said."""
    directory = tmp_path_factory.mktemp("first")
    directory.chmod(0o711)
    with Stack(directory, workers=1) as first:
        first.manage("demo", "load")
        first.make_link(slug="carried", url="https://example.com/carried")
        for _ in range(CLICKS):
            assert first.click("carried").status_code == 302
        first.drain()
        said = first.manage("backup")
        assert "verified" in said
        answers = {path: served(first, path) for path in PUBLIC}
        (found,) = (directory / "var" / "backups").glob("*.dump")
        first.click("carried")  # after the backup: lost with the machine, and no difference there
        yield found, answers


PUBLIC = ("/api/quests?limit=100", "/api/public/users/leaderboard?limit=50", "/api/seasons")


def served(stack: Stack, path: str) -> object:
    answer = requests.get(f"{stack.url}{path}", timeout=10)
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if name != "next"}


def test_the_demo_comes_back_on_another_machine_and_is_served(
    archive: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    path, answers = archive
    tmp_path.chmod(0o711)
    with Stack(tmp_path, workers=1) as second:
        second.make_link(slug="mistaken", url="https://example.com/mistaken")
        assert second.click("mistaken").status_code == 302
        second.stop_web()
        refused = second.manage("restore", str(path), check=False)
        assert "rows of" not in refused

        said = second.manage("restore", str(path), "--replace", "--yes")
        assert "all of them as they were" in said
        second.start_web()

        report = second.reconcile()
        assert report["clean"], report["differences"]
        assert {path: served(second, path) for path in PUBLIC} == answers
        # The key of the first instance opens the second: it is the same people.
        assert second.click("carried").headers["Location"] == "https://example.com/carried"
        assert second.click("mistaken").status_code == 404
        second.drain()
        assert requests.get(f"{second.url}/api/health", timeout=10).json()["database"]["connected"]
        assert _count(second, "carried") == CLICKS + 1
        assert second.reconcile()["clean"]
        drilled = json.loads(second.manage("restore", str(path), "--drill", "--json"))
        assert drilled["clean"]


def _count(stack: Stack, slug: str) -> int:
    """By the rows: alice's key of this instance went with its database."""
    code = f"from links.models import Link; print(Link.objects.get(slug={slug!r}).click_count)"
    return int(wait_until(lambda: stack.manage("shell", "-v", "0", "-c", code)).split()[-1])
