"""Personal addresses: whoever opens one is seen to click, and the drain says who it was.

`subject` is what the caller calls her; to links it is a text. Her address carries a token of at
most 135 characters, signed with a key of its own that comes from SECRET_KEY. Whoever opens it is
taken for its subject, unless it was bound to her browser: then it is worth nothing in another.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from math import ceil
from struct import Struct
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac

from links.models import Link, VisitOutcome
from links.redirect.marks import PARAMETER, cookie_name, hash_browser, is_browser

_SALT = "links.visits"
_VERSION = 1
# Version, expiry in Unix seconds, link, browser; the subject follows, and the signature.
_HEAD = Struct(">BIQ8s")
_SIGNATURE = 16
_ANY_BROWSER = bytes(8)
_SUBJECT = re.compile(r"[ -~]{1,64}")
_BROWSER_LIVES = timedelta(days=400)  # browsers keep no cookie for longer


class Reading(NamedTuple):
    """`subject` is "" when the token is forged, and only then. Whether it was a bot that clicked,
    no token tells."""

    subject: str
    outcome: VisitOutcome


_FORGED = Reading("", VisitOutcome.FORGED)


class _Content(NamedTuple):
    expires: int
    link_id: int
    browser: bytes
    subject: str


def personal_address(*, link: Link, subject: str, valid_for: timedelta, browser: str = "") -> str:
    """The link's address for `subject` (1 to 64 printable ASCII characters, else ValueError).

    `browser` is what `browser_of` gave, or what a new one will be told to remember; "" binds the
    address to none. Nor is a link on a domain of its own ever bound: cookies do not go there.
    """
    if not _SUBJECT.fullmatch(subject):
        raise ValueError("A subject has 1 to 64 printable ASCII characters.")
    expires = ceil((timezone.now() + valid_for).timestamp())
    bound = hash_browser(browser) if browser and not link.domain else _ANY_BROWSER
    body = _HEAD.pack(_VERSION, expires, link.pk, bound) + subject.encode()
    token = _encode(body + _sign(body, settings.SECRET_KEY))
    return f"{link.short_url}?{PARAMETER}={token}"


def read(token: str, *, link_id: int, at: datetime, browser: bytes) -> Reading:
    """Whose click of `link_id` this was, and whether it counts. `at` is the moment of the click,
    however late it is read; `browser` the hash of its cookie (`marks.hash_browser`)."""
    content = _open(token)
    if content is None:
        return _FORGED
    if content.link_id != link_id:
        outcome = VisitOutcome.OTHER_LINK
    elif at.timestamp() >= content.expires:
        outcome = VisitOutcome.EXPIRED
    elif content.browser not in {_ANY_BROWSER, browser}:
        outcome = VisitOutcome.OTHER_BROWSER
    else:
        outcome = VisitOutcome.COUNTED
    return Reading(content.subject, outcome)


def new_browser() -> str:
    return secrets.token_urlsafe(16)


def browser_of(request: HttpRequest) -> str:
    """What this browser was told to remember; "" when it was told nothing, or forgot it."""
    value = request.COOKIES.get(cookie_name(https=settings.HTTPS), "")
    return value if is_browser(value) else ""


def remember_browser(response: HttpResponseBase, value: str) -> None:
    """Lax: it must come along when a link is opened from a mail or a chat."""
    response.set_cookie(
        cookie_name(https=settings.HTTPS),
        value,
        max_age=_BROWSER_LIVES,
        path="/",
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def _open(token: str) -> _Content | None:
    raw = _decode(token)
    body, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
    if len(body) <= _HEAD.size or not _is_ours(body, signature):
        return None
    version, expires, link_id, browser = _HEAD.unpack_from(body)
    subject = body[_HEAD.size :].decode("latin-1")
    if version != _VERSION or not _SUBJECT.fullmatch(subject):
        return None
    return _Content(expires, link_id, browser, subject)


def _is_ours(body: bytes, signature: bytes) -> bool:
    secrets_known = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(hmac.compare_digest(_sign(body, secret), signature) for secret in secrets_known)


def _sign(body: bytes, secret: str | bytes) -> bytes:
    return salted_hmac(_SALT, body, secret=secret, algorithm="sha256").digest()[:_SIGNATURE]


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(token: str) -> bytes:
    """b"" for what is not the one way to spell its bytes: a decoder passes over much."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return b""
    # rule: comparison - of two spellings; the signature is compared by `_verified`
    return raw if _encode(raw) == token else b""
