"""What is written as an array literal is what PostgreSQL reads."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from links.clicks import arrays


def read(literal: str, kind: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [literal])
        (found,) = cursor.fetchone()
        return list(found)


@pytest.mark.django_db
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
@settings(max_examples=200, deadline=None)
def test_any_text_comes_back(texts: list[str]) -> None:
    assert read(arrays.of_texts(texts), "text") == texts


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", ["", "NULL", "{}", ",", '"', "\\", '\\"', " a ", "\n", "\\N", "é😀"]
)
def test_texts_that_mean_something_in_a_literal_come_back(text: str) -> None:
    assert read(arrays.of_texts([text, text]), "text") == [text, text]


@pytest.mark.django_db
def test_the_other_kinds_come_back() -> None:
    noon = datetime(2026, 3, 29, 12, 0, 0, 123_000, UTC)
    ids = [UUID(int=7), UUID(int=2**128 - 1)]
    assert read(arrays.of_numbers([0, -1, 2**63 - 1]), "bigint") == [0, -1, 2**63 - 1]
    assert read(arrays.of_flags([True, False]), "boolean") == [True, False]
    assert read(arrays.of_moments([noon]), "timestamptz") == [noon]
    assert read(arrays.of_moments([date(2026, 1, 31)]), "date") == [date(2026, 1, 31)]
    assert read(arrays.of_ids([each.bytes for each in ids]), "uuid") == ids
    given_bytes = [b"", b"\\\0\xff", None]
    found = [
        value if value is None else bytes(value)
        for value in read(arrays.of_bytes(given_bytes), "bytea")
    ]
    assert found == given_bytes


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (arrays.of_numbers, "bigint"),
        (arrays.of_flags, "boolean"),
        (arrays.of_moments, "date"),
        (arrays.of_ids, "uuid"),
        (arrays.of_bytes, "bytea"),
        (arrays.of_texts, "text"),
    ],
)
def test_no_values_are_an_empty_array(write: Any, kind: str) -> None:
    assert read(write([]), kind) == []
