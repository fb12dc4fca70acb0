"""Until when the certificate of PUBLIC_URL is good: asked as a browser would, noted for alerts."""

import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import structlog

from monitoring.redis import durable

logger = structlog.get_logger("rallypoint.certificates")

_KEY = "rallypoint:certificate"
_SECONDS = 5.0
# What was not seen again for so long is not told any more.
_KEPT_SECONDS = 2 * 86_400


def note_end(public_url: str) -> float | None:
    """When it ends, in seconds since 1970; now, when browsers refuse it already. None, and nothing
    is noted, when nobody can be reached there: that says nothing of a certificate."""
    try:
        ends_at = end_of(public_url)
    except ssl.SSLCertVerificationError as error:
        logger.warning("certificate_refused", reason=error.verify_message)
        ends_at = time.time()
    except OSError as error:
        logger.info("certificate_not_seen", error=type(error).__name__)
        return None
    durable().set(_KEY, ends_at, ex=_KEPT_SECONDS)
    return ends_at


def known_end() -> float | None:
    found: Any = durable().get(_KEY)
    return float(found) if found is not None else None


def end_of(public_url: str) -> float:
    """Seconds since 1970. ssl.SSLCertVerificationError when browsers refuse it, OSError when nobody
    can be reached."""
    parts = urlsplit(public_url)
    host = str(parts.hostname)
    context = ssl.create_default_context()
    with (
        # rule: network - to the operator's own name, whatever address that has
        socket.create_connection((host, parts.port or 443), timeout=_SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        found: Any = secured.getpeercert()
    return float(ssl.cert_time_to_seconds(found["notAfter"]))
