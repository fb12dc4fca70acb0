"""After too many wrong passwords for a name from an address: what django-axes asks, and answers.

The settings name these functions (AXES_USERNAME_CALLABLE, AXES_CLIENT_IP_CALLABLE,
AXES_LOCKOUT_CALLABLE).
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User
from monitoring.clients import client_address
from monitoring.wire.pages import render
from monitoring.wire.problems import Problem

# Names are compared in any case, so tries are counted in one; the column holds 255.
_MAX_NAME = 255


def name_of(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    name = (credentials or request.POST).get("username") or ""
    return User.normalize_username(name).upper()[:_MAX_NAME]


def address_of(request: HttpRequest) -> str | None:
    """None behind a Unix socket: "" would be looked for as `= NULL`, so nobody was ever locked."""
    return client_address(request) or None


def answer(
    request: HttpRequest,
    response: HttpResponse,  # noqa: ARG001 (the one that this replaces)
    credentials: Mapping[str, Any] | None,
) -> HttpResponse:
    wait = _seconds_left(request, credentials)
    problem = Problem(
        "too_many_attempts",
        f"Too many wrong passwords. Try again in {ceil(wait / 60)} min.",
        status=429,
        headers={"Retry-After": str(wait)},
    )
    return render(request, problem)


def _seconds_left(request: HttpRequest, credentials: Mapping[str, Any] | None) -> int:
    """Until the newest failure is forgotten; tries while locked out do not count as newer ones."""
    found = AxesProxyHandler.get_implementation().get_user_attempts(request, credentials)
    newest = max(
        (at for rows in found if (at := rows.aggregate(at=Max("attempt_time"))["at"])),
        default=timezone.now(),
    )
    return max(1, ceil((newest + settings.AXES_COOLOFF_TIME - timezone.now()).total_seconds()))
