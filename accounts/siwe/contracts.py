"""Whether a contract takes a signature for its own (EIP-1271), asked of an Ethereum node.

The node's address is the operator's; its answers are believed no further than their shape.
"""

import json
from typing import Any
from urllib.parse import urlsplit

import structlog

from monitoring.breakers import BreakerOpenError, Breakers, Limits
from monitoring.outbound.connector import Connector
from monitoring.outbound.errors import Deadline, OutboundError
from monitoring.outbound.request import Request, ask
from monitoring.wire.mapping import unavailable

logger = structlog.get_logger("rallypoint.accounts")

SECONDS = 3.0
MAX_ANSWER = 64 * 1024
_SELECTOR = "1626ba7e"  # isValidSignature(bytes32,bytes); what it gives for "yes" is the same
_YES = f"0x{_SELECTOR}{'0' * 56}"
_REVERTED = 3  # the error code for a contract that refused by failing


class _NodeError(Exception):
    """The node gave no answer that can be used."""


_BREAKERS = Breakers(
    "ethereum_rpc",
    Limits(slow_seconds=2.0, open_seconds=5.0),
    failures=(_NodeError, OutboundError, ValueError, RecursionError),
)


def accepts(*, url: str, address: str, hashed: bytes, signature: bytes) -> bool:
    """False also where there is no contract. Problem 503 `rpc_unavailable` within 3 s, and at once
    while the node has not been answering."""
    call = {"to": address, "data": _calldata(hashed, signature)}
    question = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
    try:
        with _BREAKERS.of(url).guard():
            return _verdict(_ask(url, json.dumps(question).encode()))
    except (_NodeError, OutboundError, ValueError, RecursionError, BreakerOpenError) as error:
        # Without its text, which may repeat the address and the key in it.
        logger.warning("rpc_unavailable", error=type(error).__name__)
        detail = "The Ethereum node does not answer. Try again shortly, with a new nonce."
        raise unavailable("rpc_unavailable", detail) from None


def _calldata(hashed: bytes, signature: bytes) -> str:
    """The ABI's form: the hash, where the bytes begin, how many, and they, filled up to words."""
    padded = signature + bytes(-len(signature) % 32)
    words = (hashed, (64).to_bytes(32, "big"), len(signature).to_bytes(32, "big"), padded)
    return f"0x{_SELECTOR}{b''.join(words).hex()}"


def _verdict(answer: Any) -> bool:
    if not isinstance(answer, dict):
        raise _NodeError
    if error := answer.get("error"):
        if isinstance(error, dict) and _is_revert(error):
            return False
        raise _NodeError
    result = answer.get("result")
    if not isinstance(result, str):
        raise _NodeError
    return result.lower() == _YES


def _is_revert(error: dict[str, Any]) -> bool:
    return error.get("code") == _REVERTED or "revert" in str(error.get("message", "")).lower()


def _ask(url: str, body: bytes) -> Any:
    """One POST. A redirect is an error like every status but 200. The operator has named the node,
    which may well be in a private network."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connector = Connector(ports=frozenset({port}), is_allowed=lambda _: True)
    request = Request("POST", parts, {"Content-Type": "application/json"}, body)
    deadline = Deadline(SECONDS)
    with ask(request, connector=connector, deadline=deadline, budget=MAX_ANSWER) as response:
        if response.status != 200:
            raise _NodeError
        text = response.read()
    return json.loads(text)
