"""No secret and nobody's address reaches a log line, however deep it is hidden."""

import json
import time
import traceback
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from django.db import Error, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.redaction import ADDRESS, REDACTED, redact, redact_text

WORDS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
secrets = st.text(WORDS, min_size=12, max_size=40)
harmless = st.text("xyz ,;()\n", max_size=20)
nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=20,
)
SECRET_NAMES = [
    "password",
    "newPassword",
    "PASSWORD_2",
    "token",
    "refreshToken",
    "access_token",
    "client_secret",
    "SECRET_KEY",
    "Authorization",
    "proxy-authorization",
    "Set-Cookie",
    "cookies",
    "signature",
    "X-Signature",
    "api_key",
    "apiKey",
    "X-API-Key",
    "private_key",
    "sessionid",
    "csrfmiddlewaretoken",
    "credentials",
    "REMOTE_ADDR",
    "X-Forwarded-For",
]


def line(value: Any) -> str:
    return json.dumps(redact(value))


@given(st.sampled_from(SECRET_NAMES), secrets, nested)
def test_a_value_under_a_secret_name_is_hidden_at_any_depth(
    name: str, secret: str, beside: Any
) -> None:
    shown = line({"beside": beside, "deep": [{"er": {name: f"~~{secret}"}}]})
    assert f"~~{secret}" not in shown


def as_json(value: Any) -> str:
    return json.dumps(value, default=str)


# Every way in which something is put into something else on its way to a log line.
NESTINGS: list[Callable[[Any], Any]] = [
    lambda value: [1, value],
    lambda value: (value, "a"),
    lambda value: {"quest": value, "number": 3},
    as_json,
    repr,
    lambda value: as_json(value).encode(),
    ValueError,
    lambda value: f"could not send {value}.",
]


@given(
    st.sampled_from(SECRET_NAMES),
    st.sampled_from([str, lambda text: [text, "b"], lambda text: f"two words, {text}"]),
    secrets,
    st.lists(st.sampled_from(NESTINGS), max_size=9),
)
@settings(max_examples=500)
def test_whatever_a_secret_is_nested_in_it_is_hidden(
    name: str, form: Callable[[str], Any], secret: str, nestings: list[Callable[[Any], Any]]
) -> None:
    value: Any = {name: form(f"~~{secret}")}
    for nest in nestings:
        value = nest(value)
    assert f"~~{secret}" not in line(value)


def test_a_text_made_to_take_long_does_not() -> None:
    started = time.perf_counter()
    for part in ("token", 'token=\\"', "token['", "secret:{", "a:", "1."):
        redact_text(part * 4000)
    assert time.perf_counter() - started < 5


@given(st.sampled_from(SECRET_NAMES), st.lists(secrets, min_size=1, max_size=3))
def test_whatever_type_a_secret_has_it_is_hidden(name: str, values: list[str]) -> None:
    for value in (values, {"a": values}, tuple(values), values[0].encode(), 123_456_789):
        assert redact({name: value}) == {name: REDACTED}


@given(harmless, secrets, secrets, secrets, harmless)
def test_a_jwt_is_hidden_inside_any_text(
    before: str, head: str, body: str, sign: str, after: str
) -> None:
    token = f"eyJ{head}.{body}.{sign}"
    assert token not in (shown := redact_text(f"{before}{token}{after}"))
    assert sign not in shown


@given(harmless, st.text("abcdef0123456789", min_size=8, max_size=16), secrets, harmless)
def test_an_api_key_keeps_only_its_prefix(
    before: str, prefix: str, secret: str, after: str
) -> None:
    shown = redact_text(f"{before}rp_{prefix}_{secret}{after}")
    assert f"rp_{prefix}_{REDACTED}" in shown
    assert f"_{prefix}_{secret}" not in shown


@given(st.sampled_from(["/s?p=", "https://rally.test/s?a=1&p="]), secrets)
def test_a_personal_address_keeps_only_the_link(before: str, secret: str) -> None:
    token = secret.ljust(60, "x")
    assert redact_text(f"GET {before}{token}&b=2") == f"GET {before}{REDACTED}&b=2"
    assert redact_text("GET /s?p=123&step=4") == "GET /s?p=123&step=4"


@given(secrets)
def test_the_password_of_an_address_is_hidden_and_the_rest_stays(secret: str) -> None:
    for password in (secret, f"{secret}@{secret}", f"{secret}:{secret}"):
        shown = redact_text(f"cannot reach postgresql://rally:{password}@db.test:5432/rally now")
        assert secret not in shown
        assert "postgresql://rally:" in shown
        assert "@db.test:5432/rally now" in shown


@given(st.sampled_from(["Bearer", "bearer", "Basic"]), secrets)
def test_what_follows_an_authorization_scheme_is_hidden(scheme: str, secret: str) -> None:
    assert secret not in redact_text(f"header was {scheme} {secret}")


@given(st.sampled_from(["password", "token", "api_key", "signature", "sessionid"]), secrets)
def test_an_assignment_inside_a_text_is_hidden(name: str, secret: str) -> None:
    for text in (
        f"POST /x?{name}={secret}&a=1",
        f"{{'{name}': '{secret}'}}",
        f'{{"my_{name}": "{secret}"}}',
        f"{name.upper()}: {secret}",
    ):
        assert secret not in redact_text(text)


@given(st.ip_addresses(v=4), harmless, harmless)
def test_an_ipv4_address_is_hidden_inside_any_text(
    address: IPv4Address, before: str, after: str
) -> None:
    if address.is_loopback or address.is_unspecified:
        return
    for form in (
        f"{address}",
        f"{address}:443",
        f"http://{address}/",
        f"[{address}]",
        f"{address}.",
    ):
        assert str(address) not in redact_text(f"{before}{form}{after}")


@given(st.ip_addresses(v=6), harmless, harmless)
def test_an_ipv6_address_is_hidden_inside_any_text(
    address: IPv6Address, before: str, after: str
) -> None:
    if address.is_loopback or address.is_unspecified:
        return
    for written in (str(address), address.exploded, str(address).upper()):
        forms = (
            written,
            f"[{written}]:443",
            f"peer:{written}",
            f"{written}: refused",
            f"{written}.",
        )
        for form in forms:
            assert written not in redact_text(f"{before}{form}{after}")


def refusals() -> list[Exception]:
    """What PostgreSQL says of values that it does not take."""
    statements = [
        "SELECT 'a-private-value'::int",
        "SELECT no_such_column, 'a-private-value'",
        "INSERT INTO auth_group (name) VALUES ('a-private-value'), ('a-private-value')",
        "SELECT '9999999999a-private-value'::date",
        "SELECT '{a-private-value'::int[]",
    ]
    found: list[Exception] = []
    for statement in statements:
        with pytest.raises(Error) as caught, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        found.append(caught.value)
    return found


@pytest.mark.django_db
def test_what_postgresql_repeats_of_a_statement_is_hidden_and_the_reason_stays() -> None:
    for error in refusals():
        assert "a-private-value" in str(error)
        with_traceback = "".join(traceback.format_exception(error))
        for text in (str(error), repr(str(error)), with_traceback, json.dumps([str(error)])):
            shown = redact_text(text)
            assert "a-private-value" not in shown
            assert str(error).split('"')[0].split("\n")[0] in shown


def test_addresses_given_as_objects_are_hidden() -> None:
    assert redact([IPv4Address("203.0.113.7"), IPv6Address("2001:db8::7")]) == [ADDRESS, ADDRESS]


@pytest.mark.parametrize(
    "text",
    [
        "Listening at: http://127.0.0.1:8000 and [::1]:8000",
        "Django 5.2.19 took 12.5 ms at 12:34:56.789 on 2031-01-02T03:04:05.678Z",
        "GET /api/links/{id} 200",
        "01920f3a-5c7e-7d0b-9a3c-5e7f90123456",
        "https://rally.test:8443/a?b=c",
        "aa:bb:cc:dd:ee:ff",
        "File x.py, line 12, in value; a query: none; the detail: this",
        "SELECT %s::date, fade::bytea, $1::bigint, ($2)::double precision, b::bool",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redact_text(text) == text


@given(nested)
def test_any_value_becomes_json(value: Any) -> None:
    json.dumps(redact(value))


def test_an_object_that_cannot_be_printed_does_not_lose_the_line() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert redact({"a": Broken(), "b": 1}) == {"a": "<unprintable Broken>", "b": 1}


def test_a_structure_that_holds_itself_ends() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert "[…]" in json.dumps(redact(endless), ensure_ascii=False)


def test_a_text_without_end_is_cut() -> None:
    assert len(redact_text("a" * 1_000_000)) < 21_000


def test_an_absent_secret_may_be_seen_to_be_absent() -> None:
    assert redact({"password": None, "has_token": False}) == {"password": None, "has_token": False}
