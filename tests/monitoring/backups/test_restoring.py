"""What was dumped comes back, all of it; and what is there is lost only when it does."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from benchmarks import PROJECT
from links.models import Link
from links.services import create_link
from monitoring import checks
from monitoring.backups import filling, restoring
from monitoring.backups.aside import REPLACED
from monitoring.backups.drill import _LOCK as DRILL
from monitoring.backups.drill import prefix_of
from monitoring.backups.errors import BackupError
from monitoring.backups.manifest import Manifest
from monitoring.backups.programs import find_program
from monitoring.backups.server import Server, pointed_at
from monitoring.backups.snapshot import ASIDE, tables
from monitoring.backups.store import Directory
from tests.links.conftest import event, send
from tests.monitoring.backups.conftest import Say, archive_of, made, rows
from tests.stack import wait_until

PEOPLE = "SELECT username FROM accounts_user ORDER BY 1"


def test_a_backup_comes_back_in_an_empty_database(
    alice: User, bob: User, elsewhere: Server, say: Say
) -> None:
    manifest = made()
    said = say("restore", manifest.name, into=elsewhere.url)

    assert rows(elsewhere, PEOPLE) == [("alice",), ("bob",)]
    assert f"{manifest.rows:,} rows" in said
    assert "what Redis keeps was left alone" in said


def test_it_comes_back_from_its_path_on_another_machine(
    alice: User, elsewhere: Server, say: Say, tmp_path: Path, settings: Settings
) -> None:
    manifest = made()
    carried = tmp_path / "usb"
    shutil.copytree(settings.BACKUP_DIR, carried)
    settings.BACKUP_DIR = tmp_path / "nothing here"
    say("restore", str(carried / manifest.archive), into=elsewhere.url)
    assert rows(elsewhere, PEOPLE) == [("alice",)]

    (carried / f"{manifest.name}.json").unlink()
    with pytest.raises(CommandError, match="must lie beside"):
        say("restore", str(carried / manifest.archive), "--replace", "--yes", into=elsewhere.url)


def test_a_restored_database_can_be_backed_up_and_restored_again(
    alice: User, elsewhere: Server, say: Say, settings: Settings
) -> None:
    say("restore", made().name, into=elsewhere.url)
    settings.BACKUP_DATABASE_URL = elsewhere.url
    again = made()
    said = say("restore", again.name, "--replace", "--yes")
    assert "all of them as they were" in said
    assert rows(elsewhere, PEOPLE) == [("alice",)]


def test_tables_are_replaced_only_when_told_twice(
    alice: User, elsewhere: Server, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = made().name
    with elsewhere.connect() as theirs:
        theirs.execute("CREATE TABLE precious AS SELECT 1 AS one")

    with pytest.raises(CommandError, match="--replace throws them away"):
        say("restore", name, into=elsewhere.url)
    with pytest.raises(CommandError, match="--yes says that you are sure"):
        say("restore", name, "--replace", into=elsewhere.url)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    with pytest.raises(CommandError, match="Nothing was changed"):
        say("restore", name, "--replace", into=elsewhere.url)
    assert rows(elsewhere, "SELECT one FROM precious") == [(1,)]

    monkeypatch.setattr("builtins.input", lambda _: elsewhere.database)
    say("restore", name, "--replace", into=elsewhere.url)
    with elsewhere.connect() as theirs:
        assert "precious" not in tables(theirs)
    assert rows(elsewhere, PEOPLE) == [("alice",)]


def test_a_damaged_archive_touches_nothing(elsewhere: Server, say: Say) -> None:
    manifest = made()
    with archive_of(manifest).open("ab") as file:
        file.write(b"!")
    with elsewhere.connect() as theirs:
        theirs.execute("CREATE TABLE precious AS SELECT 1 AS one")

    with pytest.raises(CommandError, match="is damaged"):
        say("restore", manifest.name, "--replace", "--yes", into=elsewhere.url)
    assert rows(elsewhere, "SELECT one FROM precious") == [(1,)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "rallypoint-of-somebody-else"}, "is the manifest of 'rallypoint-of-somebody-e"),
        ({"size": 1}, "and its manifest says 1"),
        ({"size": -1}, "cannot be read"),
        ({"server": "many"}, "cannot be read"),
        ({"format": 99}, "has format 99, of another program"),
    ],
)
def test_a_manifest_is_believed_about_its_own_archive_alone(
    elsewhere: Server, say: Say, change: dict[str, object], said: str
) -> None:
    archive = archive_of(made())
    manifest = archive.with_suffix(".json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    for name in (archive.stem, str(archive)):
        with pytest.raises(CommandError, match=said):
            say("restore", name, into=elsewhere.url)
        with pytest.raises(CommandError, match=said):
            say("restore", name, "--drill")


def test_who_comes_back_in_the_middle_is_told_of(
    elsewhere: Server, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, came = made().name, []

    def fail(*_: object) -> None:
        came.append(psycopg.connect(elsewhere.url))
        raise BackupError("A row was there already.")

    monkeypatch.setattr(filling, "_finish", fail)
    with pytest.raises(CommandError, match=r"already\. Meanwhile 1 others connected"):
        say("restore", name, into=elsewhere.url)
    came[0].close()


def test_a_restore_that_fails_puts_back_what_was_there(
    elsewhere: Server, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = made().name
    with elsewhere.connect() as theirs:
        theirs.execute("CREATE TABLE precious AS SELECT 1 AS one")

    def fail(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(filling, "_finish", fail)
    with pytest.raises(CommandError, match="no room"):
        say("restore", name, "--replace", "--yes", into=elsewhere.url)

    assert rows(elsewhere, "SELECT one FROM precious") == [(1,)]
    with elsewhere.connect() as theirs:
        assert tables(theirs) == ["precious"]


def half_of_a_killed_one(server: Server) -> None:
    with server.connect() as theirs:
        theirs.execute("CREATE TABLE precious AS SELECT 1 AS one")
        theirs.execute(f"ALTER SCHEMA public RENAME TO {ASIDE}")
        theirs.execute("CREATE SCHEMA public")
        theirs.execute("CREATE TABLE public.half AS SELECT 2 AS two")


def test_what_a_killed_restore_left_is_thrown_away_only_when_told(
    elsewhere: Server, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may have worked with it since."""
    name = made().name
    half_of_a_killed_one(elsewhere)

    with pytest.raises(CommandError, match="--undo puts back what was there"):
        say("restore", name, into=elsewhere.url)
    with pytest.raises(CommandError, match="--yes says that you are sure"):
        say("restore", "--undo", into=elsewhere.url)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was changed"):
        say("restore", name, "--replace", into=elsewhere.url)
    assert rows(elsewhere, "SELECT two FROM public.half") == [(2,)]

    say("restore", "--undo", "--yes", into=elsewhere.url)
    assert rows(elsewhere, "SELECT one FROM precious") == [(1,)]
    with pytest.raises(CommandError, match="nothing to put back"):
        say("restore", "--undo", "--yes", into=elsewhere.url)


def test_after_a_killed_restore_another_one_replaces_both(elsewhere: Server, say: Say) -> None:
    name = made().name
    half_of_a_killed_one(elsewhere)
    say("restore", name, "--replace", "--yes", into=elsewhere.url)
    with elsewhere.connect() as theirs:
        assert not {"precious", "half"} & set(tables(theirs))
    assert rows(elsewhere, f"SELECT to_regnamespace('{ASIDE}')") == [(None,)]


def test_a_half_is_told_from_the_whole(
    elsewhere: Server, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the last moment nobody who looks at its migrations would start with it."""
    name, seen = made().name, []

    def look(manifest: Manifest, theirs: Any) -> list[Any]:
        seen.append(theirs.execute("SELECT count(*) FROM django_migrations").fetchone()[0])
        with pointed_at(elsewhere):
            (error,) = checks.whole_database(["default"])
        assert "--undo" in str(error.hint)
        return compare(manifest, theirs)

    compare = filling.compare
    monkeypatch.setattr(restoring, "compare", look)
    say("restore", name, into=elsewhere.url)
    assert seen == [0]
    assert rows(elsewhere, "SELECT count(*) > 0 FROM django_migrations") == [(True,)]
    with pointed_at(elsewhere):
        assert checks.whole_database(["default"]) == []


def test_a_restore_that_is_complete_is_never_undone(elsewhere: Server, say: Say) -> None:
    """It was killed while it threw away what was there before."""
    name = made().name
    with elsewhere.connect() as theirs:
        theirs.execute("CREATE TABLE restored AS SELECT 1 AS one")
        theirs.execute(f"CREATE SCHEMA {REPLACED}")
        theirs.execute(f"CREATE TABLE {REPLACED}.old AS SELECT 2 AS two")

    with pytest.raises(CommandError, match="--replace throws them away"):
        say("restore", name, into=elsewhere.url)
    assert rows(elsewhere, "SELECT one FROM restored") == [(1,)]
    say("restore", name, "--replace", "--yes", into=elsewhere.url)
    assert rows(elsewhere, f"SELECT to_regnamespace('{REPLACED}')") == [(None,)]


def test_a_half_that_is_in_use_is_not_thrown_away(elsewhere: Server, say: Say) -> None:
    name = made().name
    half_of_a_killed_one(elsewhere)
    with elsewhere.connect():
        for words in (("--undo", "--yes"), (name, "--replace", "--yes")):
            with pytest.raises(CommandError, match="1 other connections use this database"):
                say("restore", *words, into=elsewhere.url)
    with (
        elsewhere.held(restoring._LOCK, "restoring"),
        pytest.raises(CommandError, match="Another process is restoring"),
    ):
        say("restore", name, into=elsewhere.url)
    assert rows(elsewhere, "SELECT two FROM public.half") == [(2,)]


def test_a_restore_that_is_told_to_end_puts_back_what_was_there_first(
    elsewhere: Server, say: Say, tmp_path: Path, settings: Settings
) -> None:
    name = made().name
    with elsewhere.connect() as theirs:
        theirs.execute("CREATE TABLE precious AS SELECT 1 AS one")
    env = os.environ | {
        "BACKUP_DIR": str(settings.BACKUP_DIR),
        "PATH": f"{_endless_pg_restore(tmp_path)}:{os.environ['PATH']}",
    }
    words = ["restore", name, "--replace", "--yes", "--quiet", "--into", elsewhere.url]
    command = [sys.executable, "manage.py", *words]
    process = subprocess.Popen(command, cwd=PROJECT, env=env, stderr=subprocess.DEVNULL)
    wait_until((tmp_path / "restoring").exists)
    process.terminate()

    assert process.wait(timeout=20) == 128 + signal.SIGTERM
    assert rows(elsewhere, "SELECT one FROM precious") == [(1,)]


def _endless_pg_restore(directory: Path) -> Path:
    """It lists well, and restores for ever. pg_dump beside it is where programs are looked for."""
    real = find_program("pg_restore", at_least=Server.ours().major)
    program = directory / "bin" / "pg_restore"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'case "$1" in --list|--version) exec {real} "$@";; esac\n'
        f"touch {directory}/restoring; exec sleep 100\n"
    )
    (program.parent / "pg_dump").touch()
    for one in program.parent.iterdir():
        one.chmod(0o755)
    return program.parent


def test_what_was_restored_is_counted_before_the_old_goes(
    alice: User, elsewhere: Server, say: Say
) -> None:
    manifest = made()
    manifest.tables["accounts_user"] += 1
    Directory.ours().put(manifest)
    with elsewhere.connect() as theirs:
        theirs.execute("CREATE TABLE precious AS SELECT 1 AS one")

    with pytest.raises(CommandError, match="accounts_user: 2 expected, 1"):
        say("restore", manifest.name, "--replace", "--yes", into=elsewhere.url)
    assert rows(elsewhere, "SELECT one FROM precious") == [(1,)]


def test_a_database_that_is_in_use_is_not_replaced(elsewhere: Server, say: Say) -> None:
    name = made().name
    with psycopg.connect(elsewhere.url) as web:
        with pytest.raises(CommandError, match="1 other connections use this database"):
            say("restore", name, into=elsewhere.url)
        say("restore", name, "--disconnect", into=elsewhere.url)
        with pytest.raises(psycopg.OperationalError):
            web.execute("SELECT 1")


def test_extensions_come_through_a_replacement(elsewhere: Server, say: Say) -> None:
    name = made().name
    with elsewhere.connect() as theirs:
        try:
            theirs.execute("CREATE EXTENSION pg_stat_statements")
        except psycopg.Error:
            pytest.skip("this PostgreSQL brings no extensions")
    say("restore", name, "--replace", "--yes", into=elsewhere.url)
    found = rows(elsewhere, "SELECT extnamespace::regnamespace::text FROM pg_extension")
    assert ("public",) in found


def test_the_ledger_is_as_closed_as_before(elsewhere: Server, say: Say) -> None:
    say("restore", made().name, into=elsewhere.url)
    granted = "SELECT relacl::text FROM pg_class WHERE relname = 'quests_ledgerentry'"
    with connection.cursor() as cursor:
        cursor.execute(granted)
        assert rows(elsewhere, granted) == cursor.fetchall()
    assert "rallypoint=arxtm/rallypoint" in str(rows(elsewhere, granted))


def test_a_database_that_maintenance_has_locked_can_be_restored(
    elsewhere: Server, say: Say
) -> None:
    name = made().name
    with elsewhere.connect() as theirs:
        theirs.execute(
            f'ALTER DATABASE "{elsewhere.database}" SET default_transaction_read_only = on'
        )
    say("restore", name, into=elsewhere.url)


def test_it_says_which_program_the_backup_is_of(elsewhere: Server, say: Say) -> None:
    manifest = made()
    dropped = manifest.migrations.pop()
    manifest.migrations.append("quests.9999_of_tomorrow")
    Directory.ours().put(manifest)

    said = say("restore", manifest.name, into=elsewhere.url)

    assert "of a newer program (quests.9999_of_tomorrow" in said
    assert dropped
    assert "1 migrations wait for `manage.py migrate`" in said


def test_a_large_backup_is_restored_by_several_at_once(
    alice: User, elsewhere: Server, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "PARALLEL_FROM", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    say("restore", made().name, into=elsewhere.url)
    assert rows(elsewhere, PEOPLE) == [("alice",)]


def test_without_a_name_nothing_is_restored(say: Say) -> None:
    with pytest.raises(CommandError, match="Which one"):
        say("restore")
    with pytest.raises(CommandError, match="There is no backup 'nosuch'"):
        say("restore", "nosuch")
    with pytest.raises(CommandError, match="is no name of a backup"):
        say("restore", "../../etc/passwd.json.nosuch")
    with pytest.raises(CommandError, match="There is no backup yet"):
        say("restore", "--drill")


def test_a_drill_restores_proves_and_leaves_nothing(alice: User, say: Say) -> None:
    link = create_link(owner=alice, url="https://example.com/")
    send(event(link))
    manifest = made()

    said = say("restore", "--drill")
    assert "All equal" in said
    told = json.loads(say("restore", "--drill", manifest.name, "--json"))

    assert told["clean"]
    assert set(told["proofs"]) == {"clicks", "quests", "rooms"}
    assert {"name": "accounts_user", "expected": "1", "found": "1"} in told["compared"]
    assert told["rows"] == manifest.rows
    again = Directory.ours().get(manifest.name)
    assert again
    assert again.drilled_at
    assert _databases_of_drills() == []


@pytest.mark.parametrize("option", ["--into=postgresql://x/y", "--replace", "--disconnect"])
def test_a_drill_takes_nothing_that_is_for_a_restore(say: Say, option: str) -> None:
    with pytest.raises(CommandError, match="a database of its own"):
        say("restore", "--drill", option)


def test_a_drill_finds_numbers_that_disagree(alice: User, say: Say) -> None:
    link = create_link(owner=alice, url="https://example.com/")
    Link.objects.filter(pk=link.pk).update(click_count=7)
    manifest = made()
    manifest.tables["accounts_user"] += 1
    Directory.ours().put(manifest)

    with pytest.raises(CommandError, match="differences") as caught:
        say("restore", "--drill")
    assert caught.value.returncode == 1
    assert _databases_of_drills() == []
    again = Directory.ours().get(manifest.name)
    assert again
    assert again.drilled_at is None


def test_a_drill_that_fails_drops_its_database_too(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()

    def fail(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(filling, "_finish", fail)
    with pytest.raises(CommandError, match="no room"):
        say("restore", "--drill")
    assert _databases_of_drills() == []


def test_a_drill_drops_what_a_killed_one_left(say: Say) -> None:
    server = Server.ours()
    with server.connect() as theirs:
        theirs.execute(f'CREATE DATABASE "{prefix_of(server.database)}deadbeef"')
        theirs.execute(f'CREATE DATABASE "{server.database[:40]}_drill_kept"')
    made()
    say("restore", "--drill")
    assert _databases_of_drills() == []
    with server.connect() as theirs:  # somebody made it by hand
        theirs.execute(f'DROP DATABASE "{server.database[:40]}_drill_kept"')
    with server.held(DRILL, "drilling"), pytest.raises(CommandError, match="is drilling"):
        say("restore", "--drill")


def test_a_drill_leaves_our_own_connection_where_it_was(alice: User, say: Say) -> None:
    made()
    say("restore", "--drill")
    User.objects.create_user(username="bob")
    assert User.objects.count() == 2
    with pointed_at(Server.ours().other("postgres")), connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == ("postgres",)


def test_a_backup_of_an_older_program_is_migrated_in_its_drill(say: Say) -> None:
    call_command("migrate", "sessions", "zero", verbosity=0)
    try:
        made()
        said = say("restore", "--drill")
    finally:
        call_command("migrate", "sessions", verbosity=0)
    assert "after the migrations of this program" in said


def _databases_of_drills() -> list[tuple[str]]:
    """Of this process: others drill beside it."""
    ours = Server.ours()
    every: list[tuple[str]] = rows(ours, "SELECT datname FROM pg_database")
    return [row for row in every if row[0].startswith(prefix_of(ours.database))]
