"""Whether a message is for us, now, and signed by the wallet it names.

A 400 says that something could not be read, a 401 that it was read and proves nothing.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from accounts import nonces
from accounts.siwe import contracts, signatures
from accounts.siwe.message import SiweMessage, parse
from monitoring.wire.problem import Problem

SKEW = timedelta(seconds=60)  # how far a wallet's clock may be from ours
MAX_CONTRACT_SIGNATURE = 4096  # bytes
_ERC_6492 = bytes.fromhex("6492" * 16)


class Site(NamedTuple):
    scheme: str
    domain: str
    uri: str


def site() -> Site:
    """Who we are, from the settings: the Host header is the caller's to choose."""
    parts = urlsplit(settings.PUBLIC_URL)
    return Site(parts.scheme, parts.netloc, settings.PUBLIC_URL)


def prove(*, message: str, signature: str, binding: str) -> str:
    """The address (in lower case) of the wallet that signed `message`, which uses up its nonce.

    Problem 400 or AuthenticationFailed says what is wrong; Problem 503 `rpc_unavailable`.
    """
    raw = message.encode("utf-8", "surrogatepass")
    parsed = parse(raw)
    nonces.consume(nonce=parsed.nonce, binding=binding)
    check_place(parsed)
    check_time(parsed, now=timezone.now())
    check_signature(raw, parsed, signature)
    return parsed.address.lower()


def check_place(message: SiweMessage) -> None:
    ours = site()
    if message.domain != ours.domain or message.scheme not in {None, ours.scheme}:
        raise _refused("domain_mismatch", f"The message is for another site than {ours.domain}.")
    if message.uri != ours.uri:
        raise _refused("uri_mismatch", f"The message's URI is not {ours.uri}.")
    if message.chain_id not in settings.WALLET_CHAIN_IDS:
        raise _refused("chain_not_allowed", f"Chain {message.chain_id} is not one of ours.")


def check_time(message: SiweMessage, *, now: datetime) -> None:
    if message.issued_at.at > now + SKEW:
        raise _refused("issued_in_future", "The message was issued in the future.")
    if message.issued_at.at < now - nonces.LIFETIME - SKEW:
        raise _refused("message_stale", "The message was issued too long ago.")
    if message.expiration_time and message.expiration_time.at <= now:
        raise _refused("message_expired", "The message has expired.")
    if message.not_before and message.not_before.at > now:
        raise _refused("message_not_yet_valid", "The message is not valid yet.")


def check_signature(raw: bytes, message: SiweMessage, signature: str) -> None:
    address, hashed = message.address.lower(), signatures.digest(raw)
    if url := settings.ETHEREUM_RPC_URLS.get(message.chain_id):
        blob = signatures.decode(signature, at_most=MAX_CONTRACT_SIGNATURE)
        valid = _key_signed(address, hashed, blob) or _contract_accepts(url, address, hashed, blob)
    else:
        # rule: comparison - of addresses, which everybody may know
        valid = signatures.recover_digest(hashed, signatures.decode(signature)) == address
    if not valid:
        raise _refused("signature_mismatch", "This message was not signed by its wallet.")


def _key_signed(address: str, hashed: bytes, signature: bytes) -> bool:
    try:
        # rule: comparison - of addresses, as above
        return signatures.recover_digest(hashed, signature) == address
    except Problem:
        return False  # of some other shape: a contract may know it


def _contract_accepts(url: str, address: str, hashed: bytes, signature: bytes) -> bool:
    if signature.endswith(_ERC_6492):
        detail = "Signatures of contracts that are not deployed yet (ERC-6492) are not supported."
        raise signatures.malformed(detail)
    return contracts.accepts(url=url, address=address, hashed=hashed, signature=signature)


def _refused(code: str, detail: str) -> AuthenticationFailed:
    return AuthenticationFailed(detail, code=code)
