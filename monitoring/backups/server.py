"""A database as PostgreSQL's own programs and we reach it: directly, never through PgBouncer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from monitoring.backups.errors import BackupBusyError, BackupError

CONNECT_SECONDS = 5
# A server that is gone without a word is noticed within a minute, however long a table takes.
_ALIVE = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "application_name": "rallypoint-backup",
}
# A dump takes as long as it takes, and holds its snapshot meanwhile; only for a lock of somebody
# else it does not wait so long. Maintenance locks the database, and is the time for a restore.
_SESSION = (
    "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c lock_timeout=60000 "
    "-c default_transaction_read_only=off -c timezone=UTC"
)


@dataclass(frozen=True)
class Server:
    parameters: tuple[tuple[str, str], ...]

    @classmethod
    def at(cls, url: str) -> "Server":
        try:
            known = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            # Its message repeats the URL, and there is a password in it.
            raise BackupError("This is no URL of a PostgreSQL database.") from None
        known.pop("options", None)
        return cls(tuple(sorted((name, str(value)) for name, value in known.items())))

    @classmethod
    def ours(cls) -> "Server":
        return cls.at(settings.BACKUP_DATABASE_URL)

    @property
    def database(self) -> str:
        return dict(self.parameters).get("dbname", "")

    def other(self, database: str) -> "Server":
        """Another database of the same server."""
        return replace(
            self, parameters=tuple({**dict(self.parameters), "dbname": database}.items())
        )

    @property
    def url(self) -> str:
        """With the password: for the environment of a child, or for Django."""
        known = dict(self.parameters)
        name, user = quote(known.pop("dbname", ""), safe=""), quote(known.pop("user", ""), safe="")
        login = f"{user}:{quote(known.pop('password', ''), safe='')}@" if user else ""
        return f"postgresql://{login}/{name}?{urlencode(known)}"

    @property
    def conninfo(self) -> str:
        """Without the password: for a command line, which everybody can read."""
        known = {**dict(self.parameters), **_ALIVE}
        known.pop("password", None)
        return make_conninfo("", **{name: str(value) for name, value in known.items()})

    @property
    def environment(self) -> dict[str, str]:
        """Of a program that gets `conninfo`. Nothing of the caller's PG* may say otherwise."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        password = dict(self.parameters).get("password")
        return {**kept, "PGOPTIONS": _SESSION, **({"PGPASSWORD": password} if password else {})}

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        try:
            # rule: timeout - _ALIVE has it
            return psycopg.connect(
                **{**dict(self.parameters), **_ALIVE},  # type: ignore[arg-type]
                options=_SESSION,
                autocommit=autocommit,
            )
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[0]
            raise BackupError(f"PostgreSQL cannot be reached: {reason}") from None

    @cached_property
    def major(self) -> int:
        with self.connect() as connection:
            return connection.info.server_version // 10_000

    @contextmanager
    def held(self, number: int, what: str) -> Iterator[psycopg.Connection[Any]]:
        """A connection of its own that holds the lock of this `number`, until its end or ours."""
        with self.connect() as connection:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", [number]).fetchone()
            if not (row and row[0]):
                raise BackupBusyError(f"Another process is {what} just now.")
            yield connection


@contextmanager
def pointed_at(server: Server) -> Iterator[None]:
    """In this thread, Django's default connection leads there until the end of the block."""
    ours = connections["default"]
    theirs = ours.copy()
    known = dict(server.parameters)
    theirs.settings_dict |= {
        "NAME": known.pop("dbname", ""), "USER": known.pop("user", ""),
        "PASSWORD": known.pop("password", ""), "HOST": known.pop("host", ""),
        "PORT": known.pop("port", ""),
        "OPTIONS": {**known, "connect_timeout": CONNECT_SECONDS, "options": _SESSION},
    }  # fmt: skip
    connections["default"] = theirs
    try:
        yield
    finally:
        theirs.close()
        connections["default"] = ours
