"""Which problem each foreign exception is: DRF's, Django's, the database's and Redis'."""

import random
from collections.abc import Callable, Iterator, Mapping
from math import ceil
from typing import Any

import psycopg
import redis.exceptions
import structlog
from django import db
from django.core import exceptions as django_exceptions
from django.http import Http404, UnreadablePostError
from django_ratelimit.exceptions import Ratelimited
from rest_framework import exceptions
from rest_framework.serializers import as_serializer_error
from rest_framework.settings import api_settings

from monitoring.breakers import BreakerOpenError
from monitoring.maintenance.notice import CODE, current
from monitoring.wire.casing import camel
from monitoring.wire.problem import Problem

logger = structlog.get_logger("rallypoint.wire")

# What a value that the column's type cannot hold makes PostgreSQL (or psycopg: None) say.
_VALUE_STATES = frozenset({None, "22001", "22003", "22008", "22021", "22P02", "22P05"})


def as_problem(exc: BaseException) -> Problem | None:
    """None means: nobody foresaw this one."""
    for kind, translate in _TRANSLATIONS:
        if isinstance(exc, kind):
            return translate(exc)
    return None


def _itself(exc: Any) -> Problem:
    problem: Problem = exc
    return problem


def _invalid(exc: Any) -> Problem:
    errors = list(_flatten(exc.detail))
    return Problem("validation_error", "The request is not valid.", status=400, errors=errors)


def _django_invalid(exc: Any) -> Problem:
    return _invalid(exceptions.ValidationError(as_serializer_error(exc)))


def _flatten(detail: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    """DRF's nested errors as `rules.0.url`; what belongs to no field has an empty one."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            general = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from _flatten(inner, path if general else (*path, camel(str(name))))
    elif isinstance(detail, list) and any(isinstance(item, Mapping | list) for item in detail):
        for index, inner in enumerate(detail):
            yield from _flatten(inner, (*path, str(index)))
    elif isinstance(detail, list):
        for message in detail:
            yield from _flatten(message, path)
    else:
        code = str(getattr(detail, "code", "") or "invalid")
        yield {"field": ".".join(path), "message": str(detail), "code": code}


def _unauthenticated(exc: Any) -> Problem:
    """Always 401: DRF makes it 403 when the first authentication names no scheme."""
    challenge = getattr(exc, "auth_header", None) or 'Bearer realm="rallypoint"'
    return _from_drf(exc, status=401, headers={"WWW-Authenticate": challenge})


def _throttled(exc: Any) -> Problem:
    wait = max(1, int(exc.wait)) if exc.wait else 1
    return _rate_limited(wait)


def _ratelimited(_: Any) -> Problem:
    return _rate_limited(1)


def _rate_limited(wait: int) -> Problem:
    detail = f"Too many requests. Try again in {wait} s."
    return Problem("rate_limited", detail, status=429, headers={"Retry-After": str(wait)})


def _forbidden(exc: Any) -> Problem:
    """DRF's session authentication says in words only that the form token was missing."""
    if str(exc.detail).startswith("CSRF"):
        return Problem("csrf_failed", "The CSRF token is missing or wrong.", status=403)
    return _from_drf(exc)


def _from_drf(
    exc: Any, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Problem:
    detail = exc.detail
    if isinstance(detail, Mapping):  # simplejwt puts the sentence and the code into a dictionary
        detail = detail.get("detail", exc.default_detail)
    code = str(getattr(detail, "code", "") or exc.default_code)
    return Problem(code, str(detail), status=status or exc.status_code, headers=headers)


def _simple(status: int, code: str, detail: str) -> Callable[[Any], Problem]:
    return lambda _: Problem(code, detail, status=status)


def _missing(exc: Any) -> Problem:
    del exc  # its text may name a model or a query
    return Problem("not_found", "There is nothing here.", status=404)


def _database_away(exc: Any) -> Problem:
    """With an SQLSTATE the server answered (a time-out, a deadlock); without, it is not there."""
    logger.warning("database_unavailable", error=str(exc).strip()[:300])
    cause = exc.__cause__ if isinstance(exc, db.Error) else exc
    busy = bool(getattr(cause, "sqlstate", None)) and not _is_shutdown(cause)
    code = "database_busy" if busy else "database_unavailable"
    return unavailable(code, "The database does not answer. Try again shortly.")


def _is_shutdown(cause: Any) -> bool:
    return str(cause.sqlstate).startswith(("57P", "08"))


def _redis_away(exc: Any) -> Problem:
    logger.warning("redis_unavailable", error=str(exc)[:300])
    return unavailable("redis_unavailable", "A part of the service is away. Try again shortly.")


def _circuit_open(exc: Any) -> Problem:
    detail = "A part of the service is away. Try again shortly."
    wait = ceil(exc.retry_after) + random.randint(1, 3)  # noqa: S311 - no secret
    return Problem("unavailable", detail, status=503, headers={"Retry-After": str(wait)})


def _read_only(exc: Any) -> Problem | None:
    """The lock of maintenance, met by somebody whom the one in front of Django let through."""
    if getattr(exc.__cause__, "sqlstate", None) != "25006":
        return None
    return Problem(CODE, current().text, status=503, headers={"Retry-After": "60"})


def unavailable(code: str, detail: str) -> Problem:
    """The wait is drawn, so that those who were refused do not come back together."""
    wait = random.randint(1, 4)  # noqa: S311 - no secret
    return Problem(code, detail, status=503, headers={"Retry-After": str(wait)})


def _bad_value(exc: Any) -> Problem | None:
    """Every input should be checked before it gets here; one that was not is still no 500."""
    if getattr(exc.__cause__, "sqlstate", None) not in _VALUE_STATES:
        return None
    logger.warning("unchecked_value", error=str(exc).strip()[:300])
    return Problem("invalid_value", "A value is outside of what can be stored.", status=400)


_DATABASE_AWAY = (db.OperationalError, db.InterfaceError, psycopg.OperationalError)
_REDIS_AWAY = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)

# The first match wins, so subclasses stand before their bases.
_TRANSLATIONS: tuple[tuple[Any, Callable[[Any], Problem | None]], ...] = (
    (Problem, _itself),
    (exceptions.ValidationError, _invalid),
    (django_exceptions.ValidationError, _django_invalid),
    ((exceptions.NotAuthenticated, exceptions.AuthenticationFailed), _unauthenticated),
    (exceptions.Throttled, _throttled),
    (Ratelimited, _ratelimited),
    ((Http404, exceptions.NotFound), _missing),
    (exceptions.PermissionDenied, _forbidden),
    (exceptions.APIException, _from_drf),
    (
        django_exceptions.PermissionDenied,
        _simple(403, "permission_denied", "You may not do this."),
    ),
    (
        django_exceptions.RequestDataTooBig,
        _simple(413, "body_too_large", "The body is too large."),
    ),
    (UnreadablePostError, _simple(400, "unreadable_body", "The body could not be read.")),
    (
        (django_exceptions.SuspiciousOperation, django_exceptions.BadRequest),
        _simple(400, "bad_request", "The request is malformed."),
    ),
    (_DATABASE_AWAY, _database_away),
    (db.DataError, _bad_value),
    (db.InternalError, _read_only),
    (BreakerOpenError, _circuit_open),
    (_REDIS_AWAY, _redis_away),
)
