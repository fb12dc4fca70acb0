"""JSON in, refusing what would only fail later: in PostgreSQL, in a client, or in the stack."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from monitoring.wire.problem import Problem
from monitoring.wire.renderers import WireJSONRenderer

MAX_DEPTH = 32
_BIGGEST = 2**63 - 1
# A raw NUL is refused by JSON itself and a raw surrogate by UTF-8: only escapes can bring them.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")


class StrictJSONParser(BaseParser):
    media_type = "application/json"
    renderer_class = WireJSONRenderer

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        _refuse_other_writing(media_type or "", parser_context or {})
        return parse_json(_bounded(stream))


def parse_json(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem("invalid_encoding", "The body must be UTF-8.") from None
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_bounded_int,
        )
    except ValueError as error:
        raise Problem("malformed_json", f"The body is not JSON: {_position(error)}.") from None
    if "\\u" in text:
        _check_characters(value)
    return value


def _refuse_other_writing(media_type: str, context: Mapping[str, Any]) -> None:
    """Another charset or a compressed body would be read as something that it is not."""
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]*)", media_type, re.IGNORECASE)
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise Problem("unsupported_charset", "The body must be UTF-8.", status=415)
    encoding = context["request"].META.get("HTTP_CONTENT_ENCODING", "") if context else ""
    if encoding.lower() not in {"", "identity"}:
        raise Problem("unsupported_encoding", "The body must not be compressed.", status=415)


def _bounded(stream: IO[Any]) -> bytes:
    """DRF reads past Django's own limit, which only guards `request.body`."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    raw: bytes = stream.read(-1 if limit is None else limit + 1)
    if limit is not None and len(raw) > limit:
        raise Problem("body_too_large", f"The body is over {limit} bytes.", status=413)
    return raw


def _position(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}"
    return "it holds a number that is too long"


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two parsers that disagree on which one counts are how checks get bypassed."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Problem("duplicate_key", "An object names the same member twice.")
    return members


def _no_constant(name: str) -> Any:
    raise Problem("number_out_of_range", f"{name} is not a JSON number.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Problem("number_out_of_range", "A number is out of range.")
    return number


def _bounded_int(text: str) -> int:
    # The length first: turning a million digits into a number is work we need not do.
    if len(text) > len(str(_BIGGEST)) + 1 or not -_BIGGEST - 1 <= int(text) <= _BIGGEST:
        raise Problem("number_out_of_range", "A whole number does not fit into 64 bits.")
    return int(text)


def _check_depth(text: str) -> None:
    """Before anything recurses: how deep is too deep for the interpreter's stack depends on a limit
    that any library may have raised, and beyond it the process is gone. Where this disagrees with
    JSON about what is a string, the text is no JSON from there on."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return  # most bodies have too few brackets to be deep
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            detail = f"The body is nested deeper than {MAX_DEPTH} levels."
            raise Problem("nesting_too_deep", detail)


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _check_characters(value: Any) -> None:
    if any(_FORBIDDEN.search(text) for text in _strings(value)):
        raise Problem("invalid_characters", "A text holds a NUL or half of a surrogate pair.")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
    for inner in _children(value):
        yield from _strings(inner)
