"""Where PostgreSQL and Redis are: given URLs, or the private servers that `manage.py up` runs."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

from config import env
from monitoring import redis_sentinel
from monitoring.embedded import discover

_UNSET_DATABASE = "postgresql://rallypoint@127.0.0.1:5432/rallypoint"
_UNSET_REDIS = "redis://127.0.0.1:6379/0"


def service_urls(var_dir: Path) -> tuple[str, str]:
    """(DATABASE_URL, REDIS_URL): from the environment, else from the servers running in var_dir."""
    database, redis = env.secret("DATABASE_URL"), env.secret("REDIS_URL")
    if not (database and redis) and (found := discover(var_dir)):
        database = database or found.database_url
        redis = redis or found.redis_url
    for name, url in (("REDIS_URL", redis), ("CACHE_URL", env.secret("CACHE_URL"))):
        if url:
            _check_redis(name, url)
    return database or _UNSET_DATABASE, redis or _UNSET_REDIS


def _check_redis(name: str, url: str) -> None:
    """No message repeats the address: there is a password in it."""
    if redis_sentinel.is_sentinel(url):
        try:
            redis_sentinel.resolved(url)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} must be redis+sentinel://user:password@host:26379,host:26379/name/0"
            ) from None
        if name == "REDIS_URL" and urlsplit(url).scheme == "rediss+sentinel":
            # Celery's client would ask them in clear text, password and all.
            raise ImproperlyConfigured("REDIS_URL knows no TLS with sentinels: redis+sentinel://")
    elif urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(
            f"{name} must begin with redis://, rediss://, unix:// or redis+sentinel://"
        )


def sibling_redis(url: str) -> str:
    """Another logical database of the same Redis: the default home of what may be evicted."""
    if redis_sentinel.is_sentinel(url):
        return redis_sentinel.with_database(url, redis_sentinel.database_of(url) + 1)
    parts = urlsplit(url)
    number = int(parts.path.strip("/") or 0) if parts.scheme != "unix" else 0
    return urlunsplit(parts._replace(path=f"/{number + 1}"))


def django_cache(url: str) -> tuple[str, dict[str, Any]]:
    """(LOCATION, more for the pool of connections)."""
    return redis_sentinel.resolved(url)


def clickhouse_url() -> str:
    """Where clicks are copied to; "" for nowhere. There is a password in it."""
    url = env.secret("CLICKHOUSE_URL")
    if url and urlsplit(url).scheme not in {"http", "https", "clickhouse"}:
        raise ImproperlyConfigured(
            "CLICKHOUSE_URL must be http://user:password@host:8123/database, or begin with https://"
        )
    if url and find_spec("clickhouse_connect") is None:
        raise ImproperlyConfigured(
            "CLICKHOUSE_URL needs a driver: pip install 'rallypoint[clickhouse]'"
        )
    return url


def channel_urls() -> list[str]:
    """Of rooms' messages and of Channels' layer; empty: they go by REDIS_URL, too."""
    urls = env.urls("CHANNEL_URLS")
    for url in urls:
        _check_redis("CHANNEL_URLS", url)
    return urls


def channel_host(url: str, **options: Any) -> dict[str, Any]:
    """One of the hosts of channels_redis."""
    address, more = redis_sentinel.resolved(url, asynchronous=True)
    return {"address": address, **options, **more}


def django_database(
    url: str, *, options: dict[str, Any], pool_max: int, pgbouncer: bool = False
) -> dict[str, Any]:
    """Django's DATABASES entry for `url`; pool_max 0 gives plain connections (Celery, commands).
    With `pgbouncer` nothing is left on a connection that the next transaction would need."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            "DATABASE_URL and DATABASE_REPLICA_URLS must begin with postgresql://"
        )
    query = dict(parse_qsl(parts.query))
    host = query.pop("host", parts.hostname or "")
    port = query.pop("port", str(parts.port or ""))
    return {
        "ENGINE": "monitoring.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": port,
        # The pool keeps connections itself; Django must hand them back after each request.
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": pgbouncer,
        "OPTIONS": query | _options(options, pgbouncer=pgbouncer) | _pool(pool_max),
    }


def _options(given: dict[str, Any], *, pgbouncer: bool) -> dict[str, Any]:
    options = dict(given)
    if pgbouncer:
        options.pop("options", None)
        return options | {"prepare_threshold": None}
    if more := os.environ.get("PGOPTIONS"):  # libpq looks at it only where nothing else is said
        options["options"] = f"{options.get('options', '')} {more}".strip()
    return options


def _pool(most: int) -> dict[str, Any]:
    if not most:
        return {}
    pool = {
        "min_size": min(env.integer("DATABASE_POOL_MIN", 2), most),
        "max_size": most,
        "max_idle": env.integer("DATABASE_IDLE_TIMEOUT", 600_000) / 1000,
        "timeout": env.integer("DATABASE_TIMEOUT", 2_000, at_least=1) / 1000,
        "max_waiting": 100,
    }
    return {"pool": pool}
