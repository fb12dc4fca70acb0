"""Migrations since the first release run while the release before them serves."""

from collections.abc import Iterable

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django_migration_linter import MigrationLinter

from benchmarks import PROJECT

APPS = ["accounts", "links", "monitoring", "quests", "realtime"]
# The last ones of the first release, before which nobody had data.
FIRST_RELEASE = {"accounts": 3, "links": 6, "monitoring": 5, "quests": 7, "realtime": 6}


def number_of(name: str) -> int:
    return int(name.partition("_")[0])


def since(release: dict[str, int]) -> set[tuple[str, str]]:
    names = MigrationLoader(connection).disk_migrations or {}
    return {(app, name) for app, name in names if app in APPS and number_of(name) > release[app]}


def linted(chosen: Iterable[tuple[str, str]]) -> MigrationLinter:
    linter = MigrationLinter(
        str(PROJECT), include_apps=APPS, analyser_string="postgresql", no_cache=True,
        all_warnings_as_errors=True, quiet=["ok", "ignore"],
    )  # fmt: skip
    loaded = MigrationLoader(connection).disk_migrations
    for key in sorted(chosen):
        linter.lint_migration(loaded[key])
    return linter


@pytest.mark.django_db
def test_no_migration_locks_the_release_before_out() -> None:
    linter = linted(since(FIRST_RELEASE))
    assert not linter.has_errors, "see what is printed, and docs/deployment.md"


@pytest.mark.django_db
def test_one_that_would_is_found() -> None:
    assert linted([("quests", "0005_observed_evidence")]).has_errors


def test_the_first_release_ended_at_migrations_that_there_are() -> None:
    names = MigrationLoader(None).disk_migrations or {}
    numbers = {(app, number_of(name)) for app, name in names if app in APPS}
    assert set(FIRST_RELEASE.items()) <= numbers
