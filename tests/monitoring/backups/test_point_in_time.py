"""The moment before a mistake, as docs/recovery.md says it: a base backup, the archive of what was
written since, and the time at which to stop reading it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from monitoring.embedded.account import servers_account
from monitoring.embedded.postgres import Postgres
from tests.stack import wait_until


class Cluster(Postgres):
    """A server with settings of its own."""

    def __init__(self, directory: Path, **settings: str) -> None:
        directory.mkdir(mode=0o711, exist_ok=True)
        super().__init__(directory, servers_account(), temporary=False)
        self._settings = settings

    def argv(self) -> list[str]:
        more = [f"{name}={value}" for name, value in self._settings.items()]
        return [*super().argv(), *(word for one in more for word in ("-c", one))]

    def prepare(self) -> None:
        super().prepare()
        rule = "local replication all scram-sha-256\n"
        hba = self.home / "pg_hba.conf"
        if rule not in hba.read_text():
            hba.write_text(f"{hba.read_text()}{rule}")

    def ask(self, statement: str) -> Any:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]


@pytest.fixture
def place() -> Iterator[Path]:
    """Short, for a socket, and open to the servers' user."""
    made = Path(tempfile.mkdtemp(prefix="rp-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def test_a_database_goes_back_to_the_moment_before_a_mistake(place: Path) -> None:
    account = servers_account()
    archive = place / "archive"
    archive.mkdir(mode=0o700)
    account.own(archive)
    first = Cluster(
        place / "first",
        archive_mode="on",
        archive_command=f"test ! -f {archive}/%f && cp %p {archive}/%f",
    )
    first.start()
    try:
        first.ask("CREATE TABLE notes (note text)")
        first.ask("INSERT INTO notes VALUES ('in the base backup')")
        base = _base_backup(first, place)
        first.ask("INSERT INTO notes VALUES ('after it')")
        moment = first.ask("SELECT clock_timestamp()")
        first.ask("DELETE FROM notes")
        mistake = first.ask("SELECT pg_walfile_name(pg_switch_wal())")
        wait_until((archive / mistake).exists)
    finally:
        first.stop()

    second = _recovered(place / "second", base, archive, moment, password_of=first)
    try:
        wait_until(lambda: second.ask("SELECT NOT pg_is_in_recovery()"))
        found = second.ask("SELECT string_agg(note, ', ' ORDER BY note) FROM notes")
        assert found == "after it, in the base backup"
        second.ask("INSERT INTO notes VALUES ('and it goes on')")
    finally:
        second.stop()


def _base_backup(server: Cluster, place: Path) -> Path:
    base = place / "base"
    base.mkdir(mode=0o700)
    server.account.own(base)
    program = str(server._bin / "pg_basebackup")
    if not Path(program).exists():
        pytest.skip("this PostgreSQL has no pg_basebackup")
    options = ["--pgdata", str(base), "--checkpoint=fast", "--wal-method=stream"]
    server.run_once([program, *options, "--dbname", server.url], cwd=base)
    return base


def _recovered(
    directory: Path, base: Path, archive: Path, moment: Any, *, password_of: Cluster
) -> Cluster:
    second = Cluster(
        directory,
        restore_command=f"cp {archive}/%f %p",
        recovery_target_time=moment.isoformat(),
        recovery_target_action="promote",
    )
    base.rename(second.home)
    (second.home / "recovery.signal").touch()
    second.account.own(second.home / "recovery.signal")
    shutil.copy(password_of._password_file, second._password_file)
    second.start()
    return second
