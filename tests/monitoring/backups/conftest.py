"""Backups of the tests' own database, into a directory of each test's own."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.db import connection
from psycopg import sql
from pytest_django import Settings

from monitoring.backups.making import back_up
from monitoring.backups.manifest import Manifest
from monitoring.backups.progress import Progress
from monitoring.backups.server import Server
from monitoring.backups.store import Directory

Say = Callable[..., str]


def url_of(database: str) -> str:
    where = connection.settings_dict
    login = f"{where['USER']}:{quote(where['PASSWORD'], safe='')}"
    host, port = quote(where["HOST"], safe=""), where["PORT"]
    return f"postgresql://{login}@/{quote(database, safe='')}?host={host}&port={port}"


@pytest.fixture(autouse=True)
def _backups(settings: Settings, tmp_path: Path, transactional_db: None) -> None:
    settings.BACKUP_DATABASE_URL = url_of(connection.settings_dict["NAME"])
    settings.BACKUP_DIR = tmp_path / "backups"
    settings.BACKUP_AGE_RECIPIENTS = []
    settings.BACKUP_S3_URL = ""
    settings.BACKUP_KEEP_DAILY, settings.BACKUP_KEEP_WEEKLY = 7, 4
    settings.BACKUP_KEEP_MONTHLY = 6


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """An empty database beside, as another machine would have one."""
    name = f"elsewhere_{os.getpid()}_{secrets.token_hex(3)}"
    server = Server.ours()
    with server.connect() as theirs:
        theirs.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield server.other(name)
    with server.connect() as theirs:
        theirs.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def say() -> Say:
    """`say("restore", name, "--drill")` gives what the command printed."""

    def run(*words: str, **options: Any) -> str:
        out = StringIO()
        call_command(*words, stdout=out, **options)
        return out.getvalue()

    return run


def made() -> Manifest:
    return back_up(Progress()).manifest


def archive_of(manifest: Manifest) -> Path:
    return Directory.ours().archive(manifest)


def rows(server: Server, statement: str) -> list[tuple[Any, ...]]:
    with server.connect() as theirs:
        return theirs.execute(statement.encode()).fetchall()


@contextmanager
def ballast() -> Iterator[None]:
    """14 MB that no compression makes smaller."""
    with Server.ours().connect() as theirs:
        theirs.execute(
            "CREATE TABLE ballast AS SELECT string_agg(sha512(i::text::bytea), '') AS ballast "
            "FROM generate_series(1, 200000) AS i"
        )
    try:
        yield
    finally:
        with Server.ours().connect() as theirs:
            theirs.execute("DROP TABLE ballast")
