"""A PostgreSQL that follows another one: a base backup of it, then its log as it is written."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from monitoring.embedded.account import servers_account
from monitoring.embedded.postgres import Postgres
from monitoring.embedded.secret_file import read_secret, write_secret

_HBA = "local replication all scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"


class Replica(Postgres):
    """Of `primary`, which is no temporary one: those write no log that could be followed."""

    def __init__(self, directory: Path, primary: Postgres) -> None:
        super().__init__(directory, primary.account, temporary=False)
        self._primary = primary
        # Nobody needs what is on it longer than a test does.
        self.stop_signals = self.stop_signals[1:]

    def argv(self) -> list[str]:
        """Replay waits for no reader, so that a test can get in its way."""
        return [*super().argv(), "-c", "max_standby_streaming_delay=0"]

    def _create(self) -> None:
        allow_replication(self._primary)
        write_secret(self._password_file, read_secret(self._primary._password_file))
        self.home.mkdir(mode=0o700)
        self.account.own(self.home)
        backup = [str(self._bin / "pg_basebackup"), "-d", self._primary.url]
        options = ["-D", self._reachable(self.home), "-R", "-X", "stream", "--checkpoint=fast"]
        # By its slot the primary keeps what the replica has not read while it was away.
        slot = ["-C", "-S", f"replica_{self.marker.rpartition('-')[2]}"]
        self.run_once([*backup, *options, *slot], cwd=self.home)


def allow_replication(primary: Postgres) -> None:
    file = primary.home / "pg_hba.conf"
    if _HBA not in file.read_text():
        file.write_text(file.read_text() + _HBA)
        os.kill(primary.pid, signal.SIGHUP)


@contextmanager
def following(primary: Postgres) -> Iterator[Replica]:
    """A replica that runs, in a directory of its own."""
    with _directory() as directory:
        replica = Replica(directory, primary)
        replica.start()
        try:
            yield replica
        finally:
            replica.stop()


@contextmanager
def lone_primary() -> Iterator[Postgres]:
    with _directory() as directory:
        primary = Postgres(directory, servers_account(directory), temporary=False)
        primary.start()
        try:
            yield primary
        finally:
            primary.stop()


@contextmanager
def _directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="rp-"))
    made.chmod(0o711)  # the servers' user passes through
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def replay_paused(replica: Replica) -> Iterator[None]:
    """It receives what is written, and shows none of it."""
    with psycopg.connect(replica.url, autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        try:
            yield
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")
