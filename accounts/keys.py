"""The text of an API key: `rp_<prefix>_<secret>`, how it is made, read and compared."""

import re
import secrets
import string
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

_PREFIX_ALPHABET = string.ascii_lowercase + string.digits
_SECRET_ALPHABET = string.ascii_letters + string.digits
_PREFIX_LENGTH = 12
_SECRET_LENGTH = 43  # 256 bits
_SHAPE = re.compile(rf"rp_([a-z0-9]{{{_PREFIX_LENGTH}}})_([A-Za-z0-9]{{{_SECRET_LENGTH}}})")
_NO_HASH = "0" * 64


class NewKey(NamedTuple):
    prefix: str
    secret_hash: str
    text: str


def mint() -> NewKey:
    prefix = _random(_PREFIX_ALPHABET, _PREFIX_LENGTH)
    secret = _random(_SECRET_ALPHABET, _SECRET_LENGTH)
    return NewKey(prefix, _digest(secret, settings.SECRET_KEY), f"rp_{prefix}_{secret}")


def parse(text: str) -> tuple[str, str] | None:
    """(prefix, secret), or None if this can't be an API key."""
    found = _SHAPE.fullmatch(text)
    return (found[1], found[2]) if found else None


def matches(secret: str, secret_hash: str | None) -> bool:
    """Compares in the same time whether a hash exists or not; old signing keys go on working."""
    signing_keys: list[Any] = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    equal = [
        constant_time_compare(_digest(secret, signing_key), secret_hash or _NO_HASH)
        for signing_key in signing_keys
    ]
    return secret_hash is not None and any(equal)


def _digest(secret: str, signing_key: str) -> str:
    # 256 random bits need no slow hash; the key keeps a stolen table from being searched at all.
    return salted_hmac("accounts.keys", secret, signing_key, algorithm="sha256").hexdigest()


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
