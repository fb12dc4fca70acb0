"""Nonces for signing in: each is good for one attempt, in the browser that asked for it.

The browser holds a random binding in a cookie, so a message that was signed for one browser is
worth nothing in another. The tables hold hashes only.
"""

import re
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import LoginNonce

LIFETIME = timedelta(minutes=5)
_BINDING = re.compile(r"[0-9a-f]{64}")


class Issued(NamedTuple):
    nonce: str  # 128 bits; EIP-4361 wants letters and digits, 8 or more
    binding: str
    expires_at: datetime


def issue(*, binding: str = "") -> Issued:
    """A browser that has a binding keeps it: two tabs must not end each other's sign-in."""
    if not _BINDING.fullmatch(binding):
        binding = secrets.token_hex(32)
    nonce, now = secrets.token_hex(16), timezone.now()
    LoginNonce.objects.create(
        nonce_hash=_hash(nonce),
        binding_hash=_hash(binding),
        created_at=now,
        expires_at=now + LIFETIME,
    )
    return Issued(nonce, binding, now + LIFETIME)


def consume(*, nonce: str, binding: str) -> None:
    """Uses the nonce up, whatever comes of the attempt; AuthenticationFailed when it is no good.

    Committed before anything else is judged (`durable` insists on it): a transaction around the
    attempt would give the nonce back when the attempt fails. Of racing callers the row lock lets
    one through. Whoever knows 128 random bits was given them, so may hear that they were used.
    """
    now = timezone.now()
    with transaction.atomic(durable=True):
        rows = LoginNonce.objects.filter(nonce_hash=_hash(nonce))
        first_use = rows.filter(consumed_at__isnull=True).update(consumed_at=now)
        row = rows.first()
    if row is None:
        raise AuthenticationFailed("This nonce was not given out here.", code="nonce_unknown")
    if not first_use:
        raise AuthenticationFailed("This nonce was used before.", code="nonce_used")
    if not constant_time_compare(row.binding_hash, _hash(binding)):
        raise AuthenticationFailed(
            "This nonce was given to another browser, or its cookie was not sent back.",
            code="nonce_browser_mismatch",
        )
    if row.expires_at <= now:
        raise AuthenticationFailed("This nonce has expired.", code="nonce_expired")


def _hash(value: str) -> str:
    return salted_hmac("accounts.nonces", value, algorithm="sha256").hexdigest()
