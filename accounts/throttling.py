"""A limit on how often somebody may do something, counted in the cache by django-ratelimit.

Its decorator answers 403 and breaks asynchronous views, so only its counter is used here. When
the cache is away nobody is limited (RATELIMIT_FAIL_OPEN): a limit protects, it is no lock.
"""

import ipaddress
from math import ceil
from typing import Any

from django.conf import settings
from django_ratelimit.core import get_usage

from monitoring.clients import client_address
from monitoring.wire.problem import Problem

_IPV6_PREFIX = 64  # what one household or one server gets: single addresses cost its owner nothing


def limit(request: Any, *, tier: str, key: str = "") -> None:
    """Counts one more for `key`, or else for the caller's network; over its rate Problem 429.

    The tiers are in the settings (RATE_LIMITS); one that is not there limits nobody.
    """
    if (rate := settings.RATE_LIMITS.get(tier)) is None:
        return
    value = f"|{key or network_of(request)}|"  # django-ratelimit joins its parts without a mark
    usage = get_usage(request, group=tier, key=lambda *_: value, rate=rate, increment=True)
    if usage is not None and usage["should_limit"]:
        raise _too_many(tier, limit=usage["limit"], wait=max(1, ceil(usage["time_left"])))


def network_of(request: Any) -> str:
    """The caller's IPv4 address or IPv6 network; all whose address is unknown count as one."""
    try:
        address = ipaddress.ip_address(client_address(request))
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))


def _too_many(tier: str, *, limit: int, wait: int) -> Problem:
    headers = {
        "Retry-After": str(wait),
        "RateLimit-Policy": f'"{tier}";q={limit}',
        "RateLimit": f'"{tier}";r=0;t={wait}',
    }
    detail = f"Too many requests. Try again in {wait} s."
    return Problem("rate_limited", detail, status=429, headers=headers)
