"""A private PostgreSQL: created once, with a password, then started as a child of ours."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from monitoring.embedded.account import Account
from monitoring.embedded.binaries import find_postgres
from monitoring.embedded.secret_file import read_secret, write_secret
from monitoring.embedded.server import Server, environment

NAME = "rallypoint"  # of the database and of its only role
STATISTICS = "pg_stat_statements"  # what `manage.py db_report` finds the slowest statements by
_SOCKET_PORT = 5432  # only part of the socket's name
_SOCKET_LIMIT = 100  # sun_path has 104 bytes on macOS, 108 on Linux
_PG_HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"

_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "jit": "off",  # its compilation costs more than our short queries
    "max_wal_size": "1GB",
    # Visitors' hashes touch pages at random; whole pages are most of what a drain writes.
    "wal_compression": "pglz",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # A statement that fails carries its values: addresses with tokens, password hashes.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_TEMPORARY_SETTINGS = {
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "128MB",
}


class Postgres(Server):
    name = "postgres"
    stop_signals: tuple[tuple[signal.Signals, float], ...] = (
        (signal.SIGINT, 20),
        (signal.SIGQUIT, 5),
        (signal.SIGKILL, 5),
    )

    def __init__(self, directory: Path, account: Account, *, temporary: bool) -> None:
        super().__init__(directory, account, temporary=temporary)
        if temporary:
            self.stop_signals = self.stop_signals[1:]  # nobody reads these data again
        self._password_file = directory / "postgres.password"
        self._bin, self._major = find_postgres(account, self._data_major())
        self._socket_directory = self._find_socket_directory()

    @property
    def url(self) -> str:
        login = f"postgresql://{NAME}:{read_secret(self._password_file)}"
        if self._socket_directory:
            host = quote(str(self._socket_directory), safe="/")
            return f"{login}@/{NAME}?host={host}&port={self.port}"
        return f"{login}@127.0.0.1:{self.port}/{NAME}"

    def choose_port(self) -> int:
        return _SOCKET_PORT if self._socket_directory else super().choose_port()

    def prepare(self) -> None:
        if not self.home.exists():
            self._create()
        if not self._password_file.exists():
            self._set_password()
        self._disown_pid_file()
        if self._socket_directory:
            self._empty_socket_directory(self._socket_directory)

    def argv(self) -> list[str]:
        settings = {
            **_SETTINGS,
            **(_TEMPORARY_SETTINGS if self.temporary else {}),
            **({"shared_preload_libraries": STATISTICS} if self._has_statistics() else {}),
            "cluster_name": self.marker,
            "port": str(self.port),
            "listen_addresses": "" if self._socket_directory else "127.0.0.1",
            "unix_socket_directories": str(self._socket_directory or ""),
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._bin / "postgres"), "-D", self._reachable(self.home), *options]

    def stdin(self) -> bytes:
        return b""

    def is_ready(self) -> bool:
        host = str(self._socket_directory or "127.0.0.1")
        where = ["-h", host, "-p", str(self.port)]
        probe = [str(self._bin / "pg_isready"), "-q", "-t", "1", *where]
        return subprocess.run(probe, env=environment(), cwd="/", check=False).returncode == 0

    def recorded_pid(self) -> int | None:
        try:
            return abs(int(self._pid_file().read_text().split("\n")[0]))  # negative: single-user
        except (OSError, ValueError):
            return None

    def _create(self) -> None:
        """initdb in another name: a half-made directory is never mistaken for data."""
        unfinished = self.home.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.account.own(unfinished)
        initdb = [str(self._bin / "initdb"), "-D", self._reachable(unfinished)]
        self.run_once([*initdb, *self._initdb_options()], cwd=unfinished)
        (unfinished / "pg_hba.conf").write_text(_PG_HBA)
        self._single_user(f"CREATE DATABASE {NAME}", cwd=unfinished)
        if self._has_statistics():
            self._single_user(f"CREATE EXTENSION {STATISTICS}", cwd=unfinished, database=NAME)
        self._password_file.unlink(missing_ok=True)  # of data that somebody removed
        unfinished.rename(self.home)

    def _initdb_options(self) -> list[str]:
        locale = ["--locale=C.UTF-8"]
        if self._major >= 17:  # it sorts the same on every system
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        sync = ["--no-sync", "--wal-segsize=1"] if self.temporary else []
        options = ["--encoding=UTF8", f"--username={NAME}", "--auth=trust", "--no-instructions"]
        return [*options, *locale, *sync]

    def _set_password(self) -> None:
        password = secrets.token_hex(24)
        self._single_user(f"ALTER ROLE {NAME} PASSWORD '{password}'", cwd=self.home)
        write_secret(self._password_file, password)

    def _single_user(self, statement: str, *, cwd: Path, database: str = "postgres") -> None:
        argv = [str(self._bin / "postgres"), "--single", "-D", self._reachable(cwd)]
        options = ["-c", "exit_on_error=true", database]
        self.run_once([*argv, *options], stdin=f"{statement}\n".encode(), cwd=cwd)

    def _has_statistics(self) -> bool:
        """The system's packages bring the extension along; the wheel does not."""
        library = f"{STATISTICS}.*"
        places = (library, f"postgresql/{library}", f"pgsql/{library}")
        return any(any(self._bin.parent.glob(f"lib*/{place}")) for place in places)

    def _reachable(self, data: Path) -> str:
        """Its name; the server's own working directory, if its user can't get there by name.

        A clone in /root is closed to every other user. The data stay in the directory the operator
        chose (it may be the only mounted volume): root enters it, then becomes the other user, and
        PostgreSQL is given the one name that still leads there.
        """
        if sys.platform == "linux" and not self.account.can_enter(data):
            return "/proc/self/cwd"
        return str(data)

    def _disown_pid_file(self) -> None:
        """Whoever is named in postmaster.pid is gone: put our own pid, its parent's, instead.

        PostgreSQL refuses to start when the pid was given to another process since. Removing the
        file would also remove its check that no orphaned backend still writes to the data.
        """
        if self._pid_file().exists():
            _, _, rest = self._pid_file().read_text().partition("\n")
            self._pid_file().write_text(f"{os.getpid()}\n{rest}")

    def _empty_socket_directory(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.account.own(directory)
        for leftover in directory.glob(".s.PGSQL.*"):
            leftover.unlink()

    def _find_socket_directory(self) -> Path | None:
        """None, and so loopback TCP, where a socket's path is too long or closed to its server."""
        directory = self.directory / "run"
        path = directory / f".s.PGSQL.{_SOCKET_PORT}.lock"
        short = len(bytes(path)) <= _SOCKET_LIMIT
        return directory if short and self.account.can_enter(self.directory) else None

    def _data_major(self) -> int | None:
        try:
            return int((self.home / "PG_VERSION").read_text())
        except (OSError, ValueError):
            return None

    def _pid_file(self) -> Path:
        return self.home / "postmaster.pid"
