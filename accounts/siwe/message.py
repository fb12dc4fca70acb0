"""EIP-4361 messages, read by the letter: what the grammar does not allow is no message.

The signature is over bytes, so what is read here is those bytes and nothing tidied up. Two
messages that differ anywhere differ in what they are read as.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from accounts.addresses import looks_like_wallet, to_checksum
from accounts.siwe import grammar
from accounts.siwe.grammar import Instant
from monitoring.wire.problem import Problem

MAX_BYTES = 4096
_GREETING = " wants you to sign in with your Ethereum account:"
_VERSION = "1"


@dataclass(frozen=True, slots=True)
class SiweMessage:
    """Version 1, the only one there is."""

    scheme: str | None
    domain: str
    address: str  # in the form of EIP-55
    statement: str | None
    uri: str
    chain_id: int
    nonce: str
    issued_at: Instant
    expiration_time: Instant | None
    not_before: Instant | None
    request_id: str | None  # "" when the line is there and empty
    resources: tuple[str, ...] | None


def parse(raw: bytes) -> SiweMessage:
    """Problem 400: `message_too_long`, `message_encoding`, `version_unsupported`,
    `wallet_checksum`, or `message_malformed` whose member `reason` names the line."""
    lines = _Lines(_decode(raw))
    scheme, domain = _origin(lines)
    message = SiweMessage(  # read from top to bottom
        scheme=scheme,
        domain=domain,
        address=_address(lines),
        statement=_statement(lines),
        uri=lines.field("URI", grammar.is_uri),
        chain_id=_version_and_chain(lines),
        nonce=lines.field("Nonce", grammar.is_nonce),
        issued_at=_instant("Issued At", lines.field("Issued At")),
        expiration_time=_optional_instant(lines, "Expiration Time"),
        not_before=_optional_instant(lines, "Not Before"),
        request_id=lines.optional("Request ID", grammar.is_request_id),
        resources=_resources(lines),
    )
    lines.end()
    return message


def malformed(label: str) -> Problem:
    reason = label.lower().replace(" ", "_")
    detail = f"This is no EIP-4361 message: {label.lower()}."
    return Problem("message_malformed", detail, reason=reason)


class _Lines:
    """The lines that were not read yet. Each label is that of a line, and names what is wrong."""

    def __init__(self, text: str) -> None:
        self._lines = deque(text.split("\n"))

    def take(self, label: str) -> str:
        if not self._lines:
            raise malformed(label)
        return self._lines.popleft()

    def blank(self, label: str) -> None:
        if self.take(label):
            raise malformed(label)

    def field(self, label: str, valid: Callable[[str], bool] | None = None) -> str:
        before, mark, value = self.take(label).partition(f"{label}: ")
        if before or not mark or (valid and not valid(value)):
            raise malformed(label)
        return value

    def optional(self, label: str, valid: Callable[[str], bool] | None = None) -> str | None:
        if not self._lines or not self._lines[0].startswith(f"{label}: "):
            return None
        return self.field(label, valid)

    def rest_after(self, heading: str) -> list[str] | None:
        if not self._lines or self._lines[0] != heading:
            return None
        _, *rest = self._lines
        self._lines.clear()
        return rest

    def end(self) -> None:
        """What is left is unknown, repeated, in the wrong place, or a line break too many."""
        if self._lines:
            raise malformed("Unexpected line")


def _decode(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise Problem("message_too_long", f"A message has at most {MAX_BYTES} bytes.")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Problem("message_encoding", "The message is not UTF-8.") from None


def _origin(lines: _Lines) -> tuple[str | None, str]:
    line = lines.take("First line")
    origin = grammar.parse_origin(line.removesuffix(_GREETING))
    if origin is None or not line.endswith(_GREETING):
        raise malformed("First line")
    return origin


def _address(lines: _Lines) -> str:
    address = lines.take("Address")
    if not looks_like_wallet(address):
        raise malformed("Address")
    if address != to_checksum(address):
        raise Problem("wallet_checksum", "The message's address is not in the form of EIP-55.")
    return address


def _statement(lines: _Lines) -> str | None:
    lines.blank("Address")
    statement = lines.take("Statement")
    if not statement:
        return None
    if not grammar.is_statement(statement):
        raise malformed("Statement")
    lines.blank("Statement")
    return statement


def _version_and_chain(lines: _Lines) -> int:
    if lines.field("Version") != _VERSION:
        raise Problem("version_unsupported", "Version 1 is the only one that is supported.")
    return int(lines.field("Chain ID", grammar.is_chain_id))


def _optional_instant(lines: _Lines, label: str) -> Instant | None:
    text = lines.optional(label)
    return None if text is None else _instant(label, text)


def _instant(label: str, text: str) -> Instant:
    instant = grammar.parse_instant(text)
    if instant is None:
        raise malformed(label)
    return instant


def _resources(lines: _Lines) -> tuple[str, ...] | None:
    rest = lines.rest_after("Resources:")
    if rest is None:
        return None
    if not all(line.startswith("- ") and grammar.is_uri(line[2:]) for line in rest):
        raise malformed("Resources")
    return tuple(line[2:] for line in rest)
