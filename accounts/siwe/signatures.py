"""Who signed a text (EIP-191). eth-account asks coincurve: 0.3 ms, where Python alone takes 15."""

import re
from functools import cache
from typing import Any

from eth_hash.auto import keccak

from monitoring.wire.problem import Problem

LENGTH = 65  # bytes: r, s and which of the possible keys it was
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})+")
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_RECOVERY_IDS = frozenset({0, 1, 27, 28})


def digest(message: bytes) -> bytes:
    """What a wallet signs of a text: the prefix keeps a text from being a transaction."""
    return keccak(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def recover(message: bytes, signature: str) -> str:
    """The address (in lower case) whose key signed; Problem 400 `signature_malformed`.

    Any well-formed signature leads to some address: compare it.
    """
    return recover_signer(message, decode(signature))


def recover_signer(message: bytes, signature: bytes) -> str:
    if len(signature) != LENGTH:
        raise malformed("A signature is 0x and 130 hexadecimal digits.")
    s = int.from_bytes(signature[32:64], "big")
    # EIP-2: to every signature there is a second one with a high s, which no wallet makes.
    if signature[64] not in _RECOVERY_IDS or s > _ORDER // 2:
        raise malformed("The last byte must be 27, 28, 0 or 1, and s in its lower half.")
    account, encode = _eth_account()
    try:
        return str(account.recover_message(encode(primitive=message), signature=signature)).lower()
    except Exception:  # noqa: BLE001 - it lets through what its layers below raise
        raise malformed("No key can have made this signature.") from None


@cache
def _eth_account() -> tuple[Any, Any]:
    """Imported with the first signature: 0.8 s and 34 MB, which most processes never need."""
    from eth_account import Account
    from eth_account.messages import encode_defunct

    return Account, encode_defunct


def decode(signature: str, *, at_most: int = LENGTH) -> bytes:
    """The bytes of a signature; Problem 400 when it is no hexadecimal text or has more of them."""
    # The length first: a long text is not worth looking at.
    if len(signature) > 2 + 2 * at_most or not _HEX.fullmatch(signature):
        raise malformed("A signature is 0x and 130 hexadecimal digits.")
    return bytes.fromhex(signature[2:])


def malformed(detail: str) -> Problem:
    return Problem("signature_malformed", detail)
