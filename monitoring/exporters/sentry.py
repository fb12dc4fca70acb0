"""Errors for Sentry: without bodies, variables, addresses and secrets; with the correlation id."""

from typing import Any

import sentry_sdk
from django.conf import settings

from monitoring.exporters.scrubbing import scrub
from monitoring.trace import correlation_id


def start(dsn: str) -> None:
    sentry_sdk.init(
        dsn=dsn,
        release=settings.VERSION,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_without_secrets,
        before_send_transaction=_without_secrets,
        before_breadcrumb=lambda crumb, _: scrub(crumb),
        shutdown_timeout=1,
    )


def _without_secrets(event: Any, _: Any) -> Any:
    found = scrub(event)
    found.pop("user", None)
    if value := correlation_id():
        found["tags"] = {**(found.get("tags") or {}), "correlation_id": value}
    return found
