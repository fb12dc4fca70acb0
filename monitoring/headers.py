"""Headers that tell browsers to be careful, on every answer, whoever made it. Imports no Django.

Where an answer has one of them already it keeps its own: a page's policy knows what the page loads.
"""

from collections.abc import Awaitable, Iterable

from monitoring.trace import ASGIApplication, Message, Receive, Scope, Send

Pairs = tuple[tuple[bytes, bytes], ...]

# What is made to be shown in a page of somebody else's: its own policy says in whose.
FRAMED = "/embed/"

# What no page of ours asks a browser for.
_FEATURES = (
    *(b"accelerometer", b"browsing-topics", b"camera", b"display-capture", b"geolocation"),
    *(b"gyroscope", b"magnetometer", b"microphone", b"midi", b"payment", b"usb"),
)
_EVERYWHERE: Pairs = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_OURS: Pairs = (
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b", ".join(feature + b"=()" for feature in _FEATURES)),
)
_HSTS: Pairs = (
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains; preload"),
)  # fmt: skip


def for_answers(*, https: bool) -> Pairs:
    return _EVERYWHERE + _OURS + (_HSTS if https else ())


def for_redirects(*, https: bool) -> Pairs:
    """A short address is opened from anywhere, as an image too; and the site that it leads to may
    learn, as a browser does by itself, from which origin its visitors come."""
    referrer = ((b"referrer-policy", b"strict-origin-when-cross-origin"),)
    return _EVERYWHERE + referrer + (_HSTS if https else ())


def completed(headers: Iterable[tuple[bytes, bytes]], wanted: Pairs) -> list[tuple[bytes, bytes]]:
    """ASGI wants names in lower case, but not every application obeys."""
    given = list(headers)
    names = {name.lower() for name, _ in given}
    return [*given, *(pair for pair in wanted if pair[0] not in names)]


class SecurityHeaders:
    """ASGI: adds what an answer lacks."""

    def __init__(self, app: ASGIApplication, *, https: bool) -> None:
        self._app = app
        self._wanted = for_answers(https=https)
        self._framed = tuple(pair for pair in self._wanted if pair[0] != b"x-frame-options")

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """No coroutine of its own, nor has its `send` one: each would cost a microsecond."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        wanted = self._framed if scope["path"].startswith(FRAMED) else self._wanted

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = completed(message.get("headers") or (), wanted)
            return send(message)

        return self._app(scope, receive, send_with_headers)
