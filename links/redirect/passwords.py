"""The password of a protected link: bounded attempts, verified off the event loop."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from links.redirect.limits import RateLimit
from links.redirect.target import Target

MAX_FORM_BYTES = 4096
FORM_SECONDS = 10
_MAX_FIELDS = 20
ATTEMPTS, WINDOW = 10, 300
# Each verification takes tens of milliseconds and megabytes on purpose; a crowd must queue.
CONCURRENCY = 4

Receive = Callable[[], Awaitable[Any]]


class FormTooBigError(Exception):
    """More was posted than a password form holds."""


class PasswordDoor:
    def __init__(self, rate: RateLimit) -> None:
        self._rate = rate
        self._turns = asyncio.Semaphore(CONCURRENCY)
        self._hasher = PasswordHasher()

    async def try_password(self, target: Target, client: str, receive: Receive) -> tuple[int, bool]:
        """(seconds to wait, right). Attempts are bounded for each link and client address."""
        async with asyncio.timeout(FORM_SECONDS):
            password = _password_in(await _read_form(receive))
        # The address is hashed: no raw one may stand in a key that outlives the request.
        who = hashlib.blake2b(client.encode(), digest_size=12).hexdigest()
        wait = await self._rate.exceeded(f"password:{target.id}:{who}", ATTEMPTS, WINDOW)
        if wait:
            return wait, False
        async with self._turns:
            return 0, await asyncio.to_thread(self._verify, target.password_hash, password)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            # Django writes its hasher's name before argon2's own notation.
            return self._hasher.verify(stored.removeprefix("argon2"), password)
        except (Argon2Error, InvalidHashError):
            return False


async def _read_form(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise TimeoutError
        body += bytes(message.get("body", b""))
        if len(body) > MAX_FORM_BYTES:
            raise FormTooBigError
        if not message.get("more_body", False):
            return body


def _password_in(body: bytes) -> str:
    """`password` of an HTML form or of a JSON object; "" when there is none."""
    text = body.decode("utf-8", errors="replace")
    if not text.lstrip().startswith("{"):
        try:
            return parse_qs(text, max_num_fields=_MAX_FIELDS).get("password", [""])[0]
        except ValueError:
            return ""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any]).get("password")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return found if isinstance(found, str) else ""
