"""A body that would fail later is refused at the door, with a code that says why."""

import json
import time
from typing import Any

import pytest
from django.test import Client, override_settings
from hypothesis import given
from hypothesis import strategies as st

from monitoring.wire.parsers import MAX_DEPTH, parse_json
from monitoring.wire.problem import Problem

pytestmark = pytest.mark.urls("tests.monitoring.doors")

characters = st.characters(codec="utf-8", exclude_characters="\x00")
texts = st.text(characters, max_size=20)
trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=30,
)


def post(client: Client, body: bytes | str) -> Any:
    return client.post("/api/echo", body, content_type="application/json")


@given(trees)
def test_a_sound_body_arrives_as_it_was_sent(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b'{"a": }', "malformed_json"),
        (b'{"a": 1} x', "malformed_json"),
        (b"\xef\xbb\xbf{}", "malformed_json"),
        (b'{"a": "\x00"}', "malformed_json"),
        (b'{"a": "\xff"}', "invalid_encoding"),
        ("{}".encode("utf-16"), "invalid_encoding"),
        (b'{"a": "\xed\xa0\x80"}', "invalid_encoding"),
        (rb'{"a": "\u0000"}', "invalid_characters"),
        (rb'{"\u0000": 1}', "invalid_characters"),
        (rb'{"a": [{"b": ["\ud800"]}]}', "invalid_characters"),
        (rb'"\udfff\ud800"', "invalid_characters"),
        (b"NaN", "number_out_of_range"),
        (b'{"a": [Infinity]}', "number_out_of_range"),
        (b"-Infinity", "number_out_of_range"),
        (b"1e999", "number_out_of_range"),
        (b"9223372036854775808", "number_out_of_range"),
        (b"-9223372036854775809", "number_out_of_range"),
        (b"9" * 5_000, "number_out_of_range"),
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "duplicate_key"),
        (b"[" * 100_000 + b"]" * 100_000, "nesting_too_deep"),
        (b"[" * 100_000, "nesting_too_deep"),
        (b'{"a":' * 100_000, "nesting_too_deep"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nesting_too_deep"),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else value,
)
def test_an_unsound_body_is_refused_with_its_code(body: bytes, code: str) -> None:
    with pytest.raises(Problem) as raised:
        parse_json(body)
    assert (raised.value.status_code, raised.value.code) == (400, code)


@pytest.mark.parametrize(
    "body",
    [
        rb'"\ud83c\udfc1"',
        b"9223372036854775807",
        b"-9223372036854775808",
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        json.dumps([[[]]] * 100).encode(),
        b'{"a": {"b": 1}, "c": {"b": 1}}',
        rb'"\\u0000"',
    ],
)
def test_what_only_looks_unsound_is_taken(body: bytes) -> None:
    parse_json(body)


def test_the_refusal_says_where_the_mistake_is(client: Client) -> None:
    response = post(client, b'{\n "a": }')
    assert response.json()["detail"] == "The body is not JSON: line 2, column 7."


def test_the_refusal_reaches_the_caller_as_a_problem(client: Client) -> None:
    response = post(client, b"[" * 100_000)
    assert (response.status_code, response.json()["code"]) == (400, "nesting_too_deep")


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_a_body_over_the_limit_is_413(client: Client) -> None:
    assert post(client, json.dumps("a" * 998)).status_code == 200
    response = post(client, json.dumps("a" * 999))
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_the_largest_body_costs_little() -> None:
    body = json.dumps([{"url": f"https://a.test/{n}", "tags": ["é"]} for n in range(50_000)])
    started = time.process_time()
    parse_json(body.encode())
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content_type": "application/json; charset=utf-16"}, "unsupported_charset"),
        ({"content_type": 'application/json; charset="bogus"'}, "unsupported_charset"),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, "unsupported_encoding"),
    ],
)
def test_a_body_written_in_another_way_is_refused_and_not_guessed_at(
    client: Client, headers: dict[str, str], code: str
) -> None:
    given: dict[str, Any] = {"content_type": "application/json", **headers}
    answer = client.post("/api/echo", b"{}", **given)
    assert (answer.status_code, answer.json()["code"]) == (415, code)


def test_utf_8_may_be_named(client: Client) -> None:
    given = {"content_type": "application/json; Charset=UTF-8", "HTTP_CONTENT_ENCODING": "identity"}
    assert client.post("/api/echo", b"{}", **given).status_code == 200
