"""Whether a contract takes a signature for its own (EIP-1271), asked of an Ethereum node.

The node's address is the operator's; its answers are believed no further than their shape.
"""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

import structlog

from monitoring.wire.mapping import unavailable

logger = structlog.get_logger("rallypoint.accounts")

SECONDS = 3.0
MAX_ANSWER = 64 * 1024
_SELECTOR = "1626ba7e"  # isValidSignature(bytes32,bytes); what it gives for "yes" is the same
_YES = f"0x{_SELECTOR}{'0' * 56}"
_REVERTED = 3  # the error code for a contract that refused by failing


class _NodeError(Exception):
    """The node gave no answer that can be used."""


def accepts(*, url: str, address: str, hashed: bytes, signature: bytes) -> bool:
    """False also where there is no contract. Problem 503 `rpc_unavailable` within 3 s."""
    call = {"to": address, "data": _calldata(hashed, signature)}
    question = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
    try:
        answer = _ask(url, json.dumps(question).encode())
        return _verdict(answer)
    except (_NodeError, OSError, HTTPException, ValueError, RecursionError) as error:
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
    """One POST. A redirect is an error like every status but 200."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with _connected(url) as connection:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read(MAX_ANSWER + 1)
    if response.status != 200 or len(text) > MAX_ANSWER:
        raise _NodeError
    return json.loads(text)


@contextmanager
def _connected(url: str) -> Iterator[HTTPConnection]:
    """A connection that ends after SECONDS, however slowly the node goes on sending: a socket's own
    time-out begins anew with every byte."""
    started = time.monotonic()
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    connection.connect()
    end = Timer(max(0.0, started + SECONDS - time.monotonic()), _hang_up, [connection.sock])
    end.daemon = True
    end.start()
    try:
        yield connection
    finally:
        end.cancel()
        connection.close()


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already
