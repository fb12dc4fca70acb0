"""What is wrong with this installation, said at the start and with an id, not found out later.

`manage.py check` runs the cheap ones, `manage.py check --database default` asks the servers too.
The web server and the workers refuse to start on an error: see `refuse_if_unsafe`.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections
from redis.exceptions import RedisError

from monitoring.backups.snapshot import ASIDE
from monitoring.proxies import parse_networks
from monitoring.redis_clients import synchronous

logger = structlog.get_logger("rallypoint.checks")

SHORTEST_SECRET = 50
MOST_SKEW_SECONDS = 2.0
_REDIS_SECONDS = 0.5

Found = list[CheckMessage]


def secret_key() -> Found:
    """Development may go without: DEBUG itself never gets into the web role (E002)."""
    key = settings.SECRET_KEY
    if settings.DEBUG or (len(key) >= SHORTEST_SECRET and not key.startswith("insecure")):
        return []
    return [
        Error(
            f"SECRET_KEY is missing, or shorter than {SHORTEST_SECRET} characters.",
            hint="python3 -c 'import secrets; print(secrets.token_urlsafe(64))'",
            id="rallypoint.E001",
        )
    ]


def debug_in_production() -> Found:
    if not (settings.DEBUG and getattr(settings, "ROLE", "") == "web"):
        return []
    hint = "Unset DEBUG; `make dev` is the server for development."
    return [Error("DEBUG is on in a web server.", hint=hint, id="rallypoint.E002")]


def wildcard_host() -> Found:
    if settings.DEBUG or not any(host in {"*", "."} for host in settings.ALLOWED_HOSTS):
        return []
    hint = "Name the hosts. Whoever may choose the Host header chooses the addresses in answers."
    return [Error("ALLOWED_HOSTS holds a wildcard.", hint=hint, id="rallypoint.E003")]


def token_blacklist() -> Found:
    if "rest_framework_simplejwt.token_blacklist" in settings.INSTALLED_APPS:
        return []
    hint = "Add rest_framework_simplejwt.token_blacklist to INSTALLED_APPS."
    return [Error("A sign-out would end no token.", hint=hint, id="rallypoint.E004")]


def trusted_proxies() -> Found:
    found: Found = []
    for entry in settings.TRUSTED_PROXIES:
        try:
            (network,) = parse_networks([entry])
        except ValueError:
            message = f"TRUSTED_PROXIES: {entry!r} is no address and no network."
            found.append(Error(message, hint="Such as 10.0.0.0/8 or ::1.", id="rallypoint.E005"))
        else:
            if network.prefixlen == 0:
                message = f"TRUSTED_PROXIES: {entry} trusts everybody's X-Forwarded-For."
                found.append(Warning(message, id="rallypoint.W005"))
    return found


def public_url() -> Found:
    if _is_origin(settings.PUBLIC_URL):
        return []
    message = f"PUBLIC_URL {settings.PUBLIC_URL!r} is not an origin."
    return [Error(message, hint="Such as https://rally.example.org", id="rallypoint.E006")]


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError when it is none
    except ValueError:
        return False
    rest = parts.path or parts.query or parts.fragment or parts.username
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not rest


def proxy_in_front() -> Found:
    if not settings.PUBLIC_URL.startswith("https://") or settings.TRUSTED_PROXIES:
        return []
    return [
        Warning(
            "PUBLIC_URL is https, but TRUSTED_PROXIES is empty: every caller will look like the "
            "proxy that ends TLS, and share its rate limits.",
            hint="Put the proxy's address there.",
            id="rallypoint.W003",
        )
    ]


def var_dir_writable() -> Found:
    directory = Path(settings.VAR_DIR)
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return []
    hint = "Clicks are kept there while Redis is away."
    return [Error(f"VAR_DIR {directory} cannot be written.", hint=hint, id="rallypoint.E007")]


def geoip_database() -> Found:
    path = settings.GEOIP_DATABASE
    if not path or Path(path).is_file():
        return []
    return [Error(f"GEOIP_DATABASE {path} does not exist.", id="rallypoint.E008")]


def separate_cache() -> Found:
    if settings.CACHE_URL != settings.REDIS_URL:
        return []
    hint = "Another database number of the same server is enough."
    return [Warning("CACHE_URL is REDIS_URL.", hint=hint, id="rallypoint.W006")]


def rate_limits() -> Found:
    if settings.RATE_LIMITS:
        return []
    hint = "Unset RATE_LIMITS; off is for benchmarks."
    return [Warning("Nobody's rate is limited.", hint=hint, id="rallypoint.W007")]


def exempt_networks() -> Found:
    found: Found = []
    for entry in settings.RATE_LIMIT_EXEMPT:
        try:
            parse_networks([entry])
        except ValueError:
            message = f"RATE_LIMIT_EXEMPT: {entry!r} is no address and no network."
            found.append(Error(message, hint="Such as 10.0.0.0/8 or ::1.", id="rallypoint.E009"))
    return found


def redis_durability() -> Found:
    """Without AOF a killed Redis forgets clicks that it had acknowledged."""
    try:
        with synchronous(
            settings.REDIS_URL, timeout=_REDIS_SECONDS, connect_timeout=_REDIS_SECONDS
        ) as client:
            persistence = _mapping(client.info("persistence"))
            seconds, micros = _pair(client.time())
    except RedisError:
        return []  # whether it is there is what health says
    found = _skew("Redis", seconds + micros / 1_000_000)
    if not int(persistence.get("aof_enabled", 0)):
        message = "Redis keeps no append-only file: clicks would be lost when it is killed."
        found.append(Warning(message, hint="appendonly yes", id="rallypoint.W001"))
    return found


def _mapping(answer: Any) -> dict[str, Any]:
    """redis-py types every answer as what it or its asynchronous twin gives."""
    return dict(answer)


def _pair(answer: Any) -> tuple[int, int]:
    return int(answer[0]), int(answer[1])


def database_clock(aliases: Sequence[str]) -> Found:
    found: Found = []
    for alias in aliases:
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
                found += _skew("PostgreSQL", float(cursor.fetchone()[0]))
        except DatabaseError:
            continue
    return found


def statement_timeout(aliases: Sequence[str]) -> Found:
    """Said on connecting, it never comes as far as a server behind PgBouncer."""
    found: Found = []
    for alias in aliases:
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT current_setting('statement_timeout')")
                (limit,) = cursor.fetchone()
        except DatabaseError:
            continue
        if limit == "0":
            message = "No statement has a time limit in PostgreSQL."
            hint = "ALTER ROLE ... SET statement_timeout = '30s'"
            found.append(Warning(message, hint=hint, id="rallypoint.W010"))
    return found


def whole_database(aliases: Sequence[str]) -> Found:
    """Before a restore is complete, what was there before it waits beside it."""
    found: Found = []
    for alias in aliases:
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [ASIDE])
                (is_half,) = cursor.fetchone()
        except DatabaseError:
            continue
        if is_half:
            message = "A restore of this database goes on, or was killed: what is there is a half."
            hint = "`manage.py restore --undo` puts back what was there before it."
            found.append(Error(message, hint=hint, id="rallypoint.E010"))
    return found


def _skew(name: str, its_time: float) -> Found:
    skew = its_time - time.time()
    if abs(skew) <= MOST_SKEW_SECONDS:
        return []
    message = f"The clock of {name} differs from this machine's by {skew:+.1f} s."
    hint = "Synchronise both: windows, expiries and charts depend on it."
    return [Warning(message, hint=hint, id="rallypoint.W002")]


_CHEAP: tuple[Callable[[], Found], ...] = (
    secret_key,
    debug_in_production,
    wildcard_host,
    token_blacklist,
    trusted_proxies,
    public_url,
    proxy_in_front,
    var_dir_writable,
    geoip_database,
    separate_cache,
    rate_limits,
    exempt_networks,
)


@register(Tags.security)
def check_settings(**_: Any) -> Found:
    return [message for check in _CHEAP for message in check()]


@register(Tags.database)
def check_servers(*, databases: Sequence[str] | None = None, **_: Any) -> Found:
    """Only with `--database`, or when `migrate` runs: the servers may be somewhere else."""
    if not databases:
        return []
    each: tuple[Callable[[Sequence[str]], Found], ...]
    each = (whole_database, database_clock, statement_timeout)
    return [*redis_durability(), *(message for check in each for message in check(databases))]


def refuse_if_unsafe() -> None:
    """Called by whatever starts serving: an error stops it, a warning is logged."""
    found = [*check_settings(), *redis_durability()]
    for message in found:
        if not isinstance(message, Error):
            logger.warning("system_check", id=message.id, message=message.msg, hint=message.hint)
    if errors := [message for message in found if isinstance(message, Error)]:
        lines = (f"{error.id}: {error.msg} {error.hint or ''}".rstrip() for error in errors)
        raise ImproperlyConfigured("\n".join(["This installation is not safe to run:", *lines]))
