"""Messages as Standard Webhooks has them (https://www.standardwebhooks.com, specification 1.0.0):
`v1,` and the base64 of an HMAC-SHA256 over `id.timestamp.body`, so that receivers can take a
library that exists."""

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
_KEY_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """`timestamp` in seconds, of this try: a receiver refuses old ones, which may be replays."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
