"""Which slugs can be had, and which are the same."""

import pytest

from links.reserved import reserved_keys
from links.slugs import ALPHABET, SlugError, check_slug, generate_slug, slug_key


@pytest.mark.parametrize("slug", ["a", "A-b_9", "x" * 128, "größe", "日本語", "हिन्दी", "e\u0301te"])
def test_letters_of_any_script_digits_hyphen_and_underscore_make_a_slug(slug: str) -> None:
    assert check_slug(slug)


@pytest.mark.parametrize(
    ("slug", "code"),
    [
        ("", "slug_length"),
        ("x" * 129, "slug_length"),
        ("a b", "slug_characters"),
        ("a/b", "slug_characters"),
        ("a.b", "slug_characters"),
        ("a+", "slug_characters"),
        ("a\0", "slug_characters"),
        ("🙂", "slug_characters"),
        ("a\u202eb", "slug_characters"),
        ("a\u034f", "slug_characters"),
        ("\u3164", "slug_characters"),
        ("a\ufe0f", "slug_characters"),
        ("Admin", "slug_reserved"),
        ("ａｄｍｉｎ", "slug_reserved"),  # noqa: RUF001 - that is the point
        ("api", "slug_reserved"),
    ],
)
def test_anything_else_is_refused_with_a_code(slug: str, code: str) -> None:
    with pytest.raises(SlugError) as refused:
        check_slug(slug)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("one", "other"), [("Summer", "sUMMER"), ("GRÖẞE", "grösse"), ("e\u0301te", "\u00c9TE")]
)
def test_case_and_composition_do_not_tell_slugs_apart(one: str, other: str) -> None:
    assert slug_key(one) == slug_key(other)


def test_slugs_are_stored_composed() -> None:
    assert check_slug("e\u0301te") == "\u00e9te"


def test_generated_slugs_have_no_look_alikes() -> None:
    slug = generate_slug()

    assert len(slug) == 7
    assert set(slug) <= set(ALPHABET)
    assert not set(ALPHABET) & set("0o1il")


def test_every_first_segment_of_a_route_is_reserved() -> None:
    assert {"api", "admin", "ping", "health", "login", "links", "static"} <= reserved_keys()
