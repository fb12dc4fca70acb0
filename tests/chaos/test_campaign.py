"""A campaign in short: everything works at once while something is broken, and the clients' own
notes are what is stored; a build that is broken on purpose is found."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.chaos.campaign.nemesis import AS_ROOT, FAULTS, plan
from tests.chaos.campaign.run import Campaign

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(3600)]
# Another one each day; CHAOS_SEED repeats one.
SEED = int(os.environ.get("CHAOS_SEED") or datetime.now(UTC).strftime("%Y%m%d"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    tmp_path.chmod(0o711)  # the servers' user passes through
    return tmp_path


def test_whatever_is_broken_the_clients_notes_are_what_is_stored(
    place: Path, long_form: bool
) -> None:
    faults = plan(SEED, 100 if long_form else 5, list(FAULTS))
    verdict = Campaign(place, SEED).run(faults)
    assert verdict.passed, verdict.as_json()


def test_a_drain_without_its_cursor_is_found(place: Path) -> None:
    faults = plan(SEED, 1, ["kill-celery"])
    verdict = Campaign(place, SEED, mutation="drain-without-cursor", quiet=10).run(faults)
    laws = {violation.law for violation in verdict.violations}
    assert laws & {"E1", "E2"}, verdict.as_json()


def test_a_seed_is_a_plan() -> None:
    names = [*FAULTS, *AS_ROOT]
    assert plan(7, 50, names) == plan(7, 50, names)
    assert plan(7, 50, names) != plan(8, 50, names)
    assert {fault.name for fault in plan(7, len(names), names)} == set(names)
