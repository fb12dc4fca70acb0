"""A campaign in short: everything works at once while something is broken, and the clients' own
notes are what is stored; a build that is broken on purpose is found."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import PROJECT
from tests.chaos.campaign.mutations import MUTATIONS
from tests.chaos.campaign.nemesis import FAULTS, PARTS, plan, possible
from tests.chaos.campaign.run import Campaign

pytestmark = [pytest.mark.xdist_group("campaign"), pytest.mark.timeout(3600)]
# Another one each day; CHAOS_SEED repeats one.
SEED = int(os.environ.get("CHAOS_SEED") or datetime.now(UTC).strftime("%Y%m%d"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    tmp_path.chmod(0o711)  # the servers' user passes through
    return tmp_path


def test_whatever_is_broken_the_clients_notes_are_what_is_stored(
    place: Path, long_form: bool
) -> None:
    steps = plan(SEED, 100 if long_form else 5, possible())
    verdict = Campaign(place, SEED).run(steps)
    assert verdict.passed, verdict.as_json()


def test_a_drain_without_its_cursor_is_found(place: Path) -> None:
    mutation = "drain-without-cursor"
    verdict = Campaign(place, SEED, mutation=mutation, quiet=5).run(plan(SEED, 1, ["kill-celery"]))
    assert verdict.laws & MUTATIONS[mutation].laws, verdict.as_json()


def test_every_broken_build_is_still_broken() -> None:
    """What is replaced in them has to be there: the long campaigns look what comes of it."""
    for name in MUTATIONS:
        module = "tests.chaos.campaign.mutations"
        code = f"import django; django.setup(); import {module} as m; m.MUTATIONS[{name!r}].apply()"
        subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True, timeout=60)


def test_a_seed_is_a_plan() -> None:
    names = list(FAULTS)
    assert plan(7, 50, names) == plan(7, 50, names)
    assert plan(7, 50, names) != plan(8, 50, names)
    assert {fault.name for step in plan(7, len(names), names) for fault in step} == set(names)


def test_faults_at_once_are_of_different_parts() -> None:
    steps = plan(7, 60, list(FAULTS), at_once=3)
    assert sum(map(len, steps)) == 60
    assert max(map(len, steps)) == 3
    assert all(len({PARTS[fault.name] for fault in step}) == len(step) for step in steps)
