"""Who signed a text (EIP-191). coincurve and a hash are all it takes: importing eth_account would
cost every process 0.8 s and 32 MB, for the same answer (a test compares them)."""

import re

from coincurve import PublicKey
from eth_hash.auto import keccak

from monitoring.wire.problem import Problem

LENGTH = 65  # bytes: r, s and which of the possible keys it was
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})+")
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_RECOVERY_IDS = {0: 0, 1: 1, 27: 0, 28: 1}


def digest(message: bytes) -> bytes:
    """What a wallet signs of a text: the prefix keeps a text from being a transaction."""
    return keccak(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def recover(message: bytes, signature: str) -> str:
    """The address (in lower case) whose key signed; Problem 400 `signature_malformed`.

    Any well-formed signature leads to some address: compare it.
    """
    return recover_digest(digest(message), decode(signature))


def recover_digest(hashed: bytes, signature: bytes) -> str:
    if len(signature) != LENGTH:
        raise malformed("A signature is 0x and 130 hexadecimal digits.")
    recovery_id = _RECOVERY_IDS.get(signature[64])
    s = int.from_bytes(signature[32:64], "big")
    # EIP-2: to every signature there is a second one with a high s, which no wallet makes.
    if recovery_id is None or s > _ORDER // 2:
        raise malformed("The last byte must be 27, 28, 0 or 1, and s in its lower half.")
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([recovery_id]), hashed, hasher=None
        )
    except Exception:  # noqa: BLE001 - coincurve raises nothing narrower for a point not on the curve
        raise malformed("No key can have made this signature.") from None
    return f"0x{keccak(key.format(compressed=False)[1:])[12:].hex()}"


def decode(signature: str, *, at_most: int = LENGTH) -> bytes:
    """The bytes of a signature; Problem 400 when it is no hexadecimal text or has more of them."""
    # The length first: a long text is not worth looking at.
    if len(signature) > 2 + 2 * at_most or not _HEX.fullmatch(signature):
        raise malformed("A signature is 0x and 130 hexadecimal digits.")
    return bytes.fromhex(signature[2:])


def malformed(detail: str) -> Problem:
    return Problem("signature_malformed", detail)
