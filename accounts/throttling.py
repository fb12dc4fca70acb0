"""Limits on how often somebody may do something, counted by django-ratelimit.

Its decorator answers 403 and breaks asynchronous views, so only its counter is used here; that
counts in monitoring.limits.cache, which goes on in memory while Redis is away. The tiers are in the
settings (RATE_LIMITS); one that is not there limits nobody.
"""

import os
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.models import ApiKey
from monitoring.clients import client_address
from monitoring.limits import networks, refusals
from monitoring.limits.rates import Rate, Usage, fields, parse_rate, refusal, value_of
from monitoring.proxies import Network, parse_networks
from monitoring.redis import durable
from monitoring.wire.problem import Problem

_NOTES, _COUNTED = "_rate_usages", "_is_rate_counted"
_AUTH = "/api/auth/"


def limit(request: Any, *, tier: str, key: str = "") -> None:
    """Counts one more for `key`, or else for the caller's network; over its rate Problem 429."""
    who = key or network_of(request)
    usage = _count(request, tier, who)
    if usage and usage.is_over:
        raise _refused(usage, who)


def limit_caller(request: Any, *tiers: str) -> None:
    """The same in several tiers for who calls: her API key, she herself, or else her network."""
    who = caller_of(request)
    for tier in tiers:
        limit(request, tier=tier, key=who)


def caller_of(request: Any) -> str:
    if isinstance(proof := getattr(request, "auth", None), ApiKey):
        return f"key {proof.pk}"
    user = getattr(request, "user", None)
    return f"user {user.pk}" if user and user.is_authenticated else network_of(request)


def network_of(request: Any) -> str:
    return networks.network_of(client_address(request))


# --- Requests to the API --------------------------------------------------------------------------
class CallerThrottle(BaseThrottle):
    """For every DRF view (DEFAULT_THROTTLE_CLASSES): `general`, and `burst` for what may change
    something. A view adds tiers to its unsafe methods by `write_tiers`; one with `own_tiers` is for
    programs, and counts what it likes by itself."""

    def allow_request(self, request: Request, view: Any) -> bool:
        setattr(_bare(request), _COUNTED, True)
        if getattr(view, "own_tiers", False):
            return True
        limit_caller(request, *tiers_of(request))
        if request.method not in SAFE_METHODS:
            limit_caller(request, *getattr(view, "write_tiers", ()))
        return True


def tiers_of(request: Any) -> list[str]:
    """Of any request to the API. Probes without credentials do not come here: they are answered in
    front of Django."""
    tiers = ["general"]
    if request.method not in SAFE_METHODS:
        tiers.append("burst")
    if request.path_info.startswith(_AUTH):
        tiers.append("auth")
    return tiers


def is_counted(request: Any) -> bool:
    """By the throttle: it has come so far."""
    return hasattr(_bare(request), _COUNTED)


# --- Failures -------------------------------------------------------------------------------------
def refuse_who_failed(request: Any) -> None:
    """Before a sign-in is tried: Problem 429 when this network's have failed too often.

    Tries side by side do not see each other's failure: some more pass, one a thread at most. To
    count each before it has failed would refuse a campus whose people sign in at the same time.
    """
    who = network_of(request)
    usage = _count(request, "auth-failed", who, times=0)
    if usage and usage.remaining == 0:
        raise _refused(usage, who)


def count_failure(request: Any) -> None:
    """Of a wallet or an API key; Problem 429 instead of saying once more that it is wrong."""
    limit(request, tier="auth-failed")


def hear_of_failure(*, request: HttpRequest | None = None, **_: Any) -> None:
    """Of a password, at whatever door; the next one is refused. Django's signal calls it."""
    if request is not None:
        _count(request, "auth-failed", network_of(request))


# --- What is counted ------------------------------------------------------------------------------
def usage_fields(request: Any) -> dict[str, str]:
    """The RateLimit fields of everything that was counted for this request."""
    usages = getattr(_bare(request), _NOTES, None)
    return fields(usages.values()) if usages else {}


def _count(request: Any, tier: str, who: str, times: int = 1) -> Usage | None:
    if (rate := _rate(tier)) is None or _is_exempt(request):
        return None
    found = get_usage(
        request,
        group=tier,
        key=lambda *_: value_of(who),
        rate=(rate.limit, rate.seconds),
        increment=bool(times),
    )
    if found is None:
        return None
    # Its time ends when the window's last second begins.
    usage = Usage(rate, found["count"], int(found["time_left"]) + 1)
    vars(_bare(request)).setdefault(_NOTES, {})[tier] = usage
    return usage


def _bare(request: Any) -> Any:
    """Django's request: DRF makes another one around it."""
    return getattr(request, "_request", request)


def _rate(tier: str) -> Rate | None:
    text = settings.RATE_LIMITS.get(tier)
    return _parsed(tier, text) if text else None


_parsed = lru_cache(maxsize=256)(parse_rate)


def _is_exempt(request: Any) -> bool:
    exempt = _exempt_networks()
    return bool(exempt) and networks.is_exempt(client_address(request), exempt)


@lru_cache(maxsize=1)
def _exempt_networks() -> tuple[Network, ...]:
    return tuple(parse_networks(settings.RATE_LIMIT_EXEMPT))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "RATE_LIMIT_EXEMPT":
        _exempt_networks.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rallypoint.throttling")


# --- Refusals -------------------------------------------------------------------------------------
def _refused(usage: Usage, who: str) -> Problem:
    untold = _refusals(os.getpid())
    untold.note(usage.rate.tier, who, usage.wait)
    with suppress(RedisError):  # the list is for looking at; the metric has it
        refusals.tell(durable(), untold.take())
    headers = {"Retry-After": str(usage.wait)}
    return Problem("rate_limited", refusal(usage), status=429, headers=headers)


@lru_cache(maxsize=1)
def _refusals(_pid: int) -> refusals.Refusals:
    return refusals.Refusals()
