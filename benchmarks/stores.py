"""Databases of a benchmark's own, on the servers that DATABASE_URL and REDIS_URL name.

Nothing that is there already is touched: each benchmark gets a new PostgreSQL database, copied
from one that was migrated once, and a pair of logical Redis databases that must be empty.
"""

import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg
from redis import Redis

from benchmarks.machine import CLIENT_CORE, moved, parent_of
from benchmarks.warm import WarmPython

_TEMPLATE = "rallypoint_bench_template"
# What is measured counts rates as any installation does; only nobody is refused.
_TIERS = ("general", "burst", "redirect", "messages", "rooms", "quests-player", "quests-network")
_NEVER_REACHED = json.dumps(dict.fromkeys(_TIERS, "900000000/m"))
_SECRET = secrets.token_urlsafe(64)
# Databases 0 and 1 are what an instance that shares the server would use.
_FIRST_REDIS_DATABASE = 2


@dataclass(frozen=True)
class Store:
    """Where one benchmark keeps its data; `environment` is what a process on it runs with."""

    name: str
    database_url: str
    redis_url: str
    var_dir: Path

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "CACHE_URL": _redis_database(self.redis_url, _database_number(self.redis_url) + 1),
            "VAR_DIR": str(self.var_dir),
            "SECRET_KEY": _SECRET,
            "LOG_LEVEL": "ERROR",
            "WEB_CONCURRENCY": "1",
            "RATE_LIMITS": _NEVER_REACHED,
        }

    def manage(self, *arguments: str) -> str:
        """What `manage.py` answers on this store; CalledProcessError when it fails."""
        return self.run("manage.py", *arguments)

    def run(self, *arguments: str, core: int | None = None) -> str:
        """What Python prints with these arguments; CalledProcessError when it fails."""
        done = self._python.run(*arguments, core=core)
        done.check_returncode()
        return done.stdout

    @cached_property
    def _python(self) -> WarmPython:
        return WarmPython(self.environment)

    def close(self) -> None:
        self._python.close()

    def redis(self) -> Redis:
        client: Redis = Redis.from_url(self.redis_url, socket_timeout=60, retry=None)
        return client


class Stores:
    """Makes stores, and takes them away at the end."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self._database_url = database_url
        self._redis_url = redis_url
        self._stack = ExitStack()
        self._open = 0
        self._servers: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._var = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        with self._administrator() as connection:
            self.postgres = _shown(connection, "server_version")
            postmaster = parent_of(connection.info.backend_pid)
        self._pin(postmaster, "postgres")
        info = self._redis_info()
        self.valkey = str(info.get("valkey_version") or info["redis_version"])
        name = "valkey" if "valkey_version" in info else "redis"
        self._pin(int(info["process_id"]), name)
        self._stack.callback(self._drop, _TEMPLATE)
        self._create(_TEMPLATE, "template0")
        with closing(self._store("template", _TEMPLATE)) as template:
            template.manage("migrate", "--skip-checks", "--verbosity", "0")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @contextmanager
    def new(self, name: str) -> Iterator[Store]:
        """A migrated, empty store for as long as it is used; the last one made ends first."""
        self._open += 1
        database = f"rallypoint_bench_{name}"
        store = self._store(name, database)
        with ExitStack() as stack:
            stack.callback(self._free)
            stack.callback(self._drop, database)
            stack.callback(store.close)
            self.reset(store)
            stack.enter_context(_empty_redis(store))
            yield store

    def _pin(self, pid: int, command: str) -> None:
        self._stack.enter_context(moved(pid, command, CLIENT_CORE))
        self._servers[command] = pid

    @contextmanager
    def on_all_cores(self) -> Iterator[None]:
        """For what is measured on the whole machine."""
        with ExitStack() as stack:
            for command, pid in self._servers.items():
                stack.enter_context(moved(pid, command, None, CLIENT_CORE))
            yield

    def _free(self) -> None:
        """Its Redis databases are for the next store: a server has sixteen."""
        self._open -= 1

    def reset(self, store: Store, like: Store | None = None) -> None:
        """Give `store` a new PostgreSQL database: an empty one, or a copy of another store's."""
        database = _database_name(store.database_url)
        self._drop(database)
        self._create(database, _database_name(like.database_url) if like else _TEMPLATE)

    def _store(self, name: str, database: str) -> Store:
        var_dir = self._var / name
        var_dir.mkdir(exist_ok=True)
        url = urlsplit(self._database_url)._replace(path=f"/{database}").geturl()
        number = _FIRST_REDIS_DATABASE + 2 * self._open
        return Store(name, url, _redis_database(self._redis_url, number), var_dir)

    def _create(self, database: str, template: str) -> None:
        with self._administrator() as connection:
            connection.execute(f"CREATE DATABASE {database} TEMPLATE {template}")

    def _drop(self, database: str) -> None:
        with self._administrator() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def _administrator(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._database_url, autocommit=True)

    def _redis_info(self) -> dict[str, Any]:
        with Redis.from_url(self._redis_url, socket_timeout=5, retry=None) as client:
            return dict(client.info("server"))


@contextmanager
def _empty_redis(store: Store) -> Iterator[None]:
    urls = (store.environment["REDIS_URL"], store.environment["CACHE_URL"])
    clients: list[Redis] = [Redis.from_url(url, socket_timeout=60, retry=None) for url in urls]
    for url, client in zip(urls, clients, strict=True):
        if client.dbsize():
            raise SystemExit(f"Redis database {_database_number(url)} is not empty: not touched.")
    try:
        yield
    finally:
        for client in clients:
            client.flushdb()
            client.close()


def _shown(connection: psycopg.Connection[Any], setting: str) -> str:
    row = connection.execute(f"SHOW {setting}").fetchone()
    return str(row[0]) if row else ""


def _database_name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _redis_database(url: str, number: int) -> str:
    return urlsplit(url)._replace(path=f"/{number}").geturl()


def _database_number(url: str) -> int:
    return int(urlsplit(url).path.strip("/") or 0)
