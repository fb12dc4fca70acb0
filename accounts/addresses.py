"""Addresses of wallets: kept in lower case, shown with the capitals of EIP-55."""

import re
from functools import lru_cache

from eth_hash.auto import keccak

from monitoring.wire.problem import Problem

PATTERN = "^0x[0-9a-f]{40}$"
_SHAPE = re.compile(r"0x[0-9a-fA-F]{40}")


def looks_like_wallet(text: str) -> bool:
    return bool(_SHAPE.fullmatch(text))


def parse_wallet(text: str) -> str:
    """The form that is kept. Problem 400: `wallet_invalid`, or `wallet_checksum` for capitals that
    are not those of EIP-55. An address in one case carries no checksum, and is taken as it is."""
    if not looks_like_wallet(text):
        raise Problem("wallet_invalid", "A wallet is 0x and 40 hexadecimal digits.")
    digits = text[2:]
    if digits not in {digits.lower(), digits.upper()} and text != to_checksum(text):
        raise Problem("wallet_checksum", "The capitals of this wallet are not those of EIP-55.")
    return text.lower()


@lru_cache(maxsize=4096)
def to_checksum(address: str) -> str:
    """`address`, in whatever case, in the form of EIP-55: each capital is a bit of a checksum."""
    digits = address[2:].lower()
    nibbles = keccak(digits.encode()).hex()
    pairs = zip(digits, nibbles[: len(digits)], strict=True)
    return "0x" + "".join(digit.upper() if nibble > "7" else digit for digit, nibble in pairs)
