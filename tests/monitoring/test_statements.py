"""A statement's text without its values, and what may be asked twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from monitoring.postgresql.statements import LONGEST, first_line, numbered, only_reads, shape

texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30)


@given(texts)
def test_no_literal_is_in_a_shape_however_it_is_written(value: str) -> None:
    secret = f"~~{value}~~"
    literal = sql.Literal(secret).as_string()
    shown = shape(f"SELECT * FROM t WHERE a = {literal} AND b = 7")  # noqa: S608 - a text to be read
    assert shown == "SELECT * FROM t WHERE a = ? AND b = ?" or shown.replace(" E?", " ?") == (
        "SELECT * FROM t WHERE a = ? AND b = ?"
    )


@given(texts, st.integers(1, 40))
def test_nor_is_one_that_was_cut_off(value: str, kept: int) -> None:
    literal = sql.Literal(f"~~{value}").as_string().strip()
    shown = shape(f"SELECT {literal}"[: len("SELECT ") + kept])
    assert "~" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SELECT 1,\n  -2.5 FROM  a1", "SELECT ?, ? FROM a1"),
        ('SELECT "T4"."id" FROM "links_1"', 'SELECT "T4"."id" FROM "links_1"'),
        ("SELECT a WHERE b = $1 LIMIT 21", "SELECT a WHERE b = $1 LIMIT ?"),
        ("SELECT a WHERE b IN (%s, %s, %s)", "SELECT a WHERE b IN (…)"),
        ("SELECT a WHERE b IN (%s)", "SELECT a WHERE b IN (…)"),
        ("INSERT INTO a VALUES (%s, %s), (%s, %s)", "INSERT INTO a VALUES (…), …"),
        ("SELECT a /*correlation_id='x'*/", "SELECT a"),
        ("DO $$ SELECT 'secret' $$", "DO ?"),
        ("ALTER ROLE a PASSWORD $x_1$it's secret$x_1$, b", "ALTER ROLE a PASSWORD ?, b"),
        ("SELECT $a$a secret that was cut", "SELECT ?"),
        ("SELECT a$b$c, $1, $2", "SELECT a$b$c, $1, $2"),
    ],
)
def test_statements_of_one_kind_have_one_shape(text: str, shown: str) -> None:
    assert shape(text) == shown


def test_a_shape_has_a_bound() -> None:
    assert len(shape("SELECT " + "a, " * LONGEST)) == LONGEST + 1


def test_a_failure_is_its_first_line_and_one_without_words_its_name() -> None:
    assert first_line(ValueError("No.\nLINE 1: SELECT 'secret'")) == "No."
    assert first_line(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT %s, %s", ("SELECT $1, $2", 2)),
        ("SELECT %(a)s, %(b)s, %(a)s", ("SELECT $1, $2, $1", 2)),
        ("SELECT 5 %% 2", ("SELECT 5 % 2", 0)),
        ("SELECT '%%s', %s", ("SELECT '%s', $1", 1)),
    ],
)
def test_placeholders_become_numbers(text: str, expected: tuple[str, int]) -> None:
    assert numbered(text) == expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('SELECT "a"."id" FROM "a" WHERE "a"."id" = %s LIMIT 21', True),
        ("  select count(*) from a", True),
        ("SELECT a FROM b FOR UPDATE", False),
        ("SELECT a FROM b FOR NO KEY UPDATE SKIP LOCKED", False),
        ("SELECT a FROM b FOR KEY SHARE", False),
        ("SELECT pg_try_advisory_lock(%s)", False),
        ("SELECT nextval('a')", False),
        ("SELECT a INTO b FROM c", False),
        ("INSERT INTO a SELECT b", False),
        ("UPDATE a SET b = 1", False),
        ("WITH a AS (DELETE FROM b RETURNING c) SELECT c FROM a", False),
    ],
)
def test_only_what_surely_reads_may_be_asked_twice(text: str, answer: bool) -> None:
    assert only_reads(text) is answer
