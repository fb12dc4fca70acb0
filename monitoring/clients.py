"""The address a Django request came from."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from monitoring.proxies import TrustedProxies, parse_networks


def client_address(request_or_meta: Any) -> str:
    """Of an HttpRequest, a DRF Request or a bare META; empty when the server gave no peer."""
    meta: Mapping[str, Any] = getattr(request_or_meta, "META", request_or_meta) or {}
    return trusted_proxies().client(
        str(meta.get("REMOTE_ADDR") or ""), str(meta.get("HTTP_X_FORWARDED_FOR") or "")
    )


@lru_cache(maxsize=1)
def trusted_proxies() -> TrustedProxies:
    return TrustedProxies(parse_networks(settings.TRUSTED_PROXIES))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "TRUSTED_PROXIES":
        trusted_proxies.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rallypoint.clients")
