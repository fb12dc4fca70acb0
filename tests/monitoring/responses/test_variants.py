"""The same answer in the encodings that callers read, each with a name of its own."""

import gzip

import brotli
import pytest

from monitoring.responses.cache import ResponseCache
from monitoring.responses.variants import chosen, encoded, is_unchanged
from tests.monitoring.responses.conftest import App, get

BOTH = {"br", "gzip"}


@pytest.fixture(autouse=True)
def _long(app: App) -> None:
    app.padding = b" and the same words" * 200


async def test_everybody_gets_it_as_he_reads_it(cache: ResponseCache, app: App) -> None:
    plain = await get(cache)
    zipped = await get(cache, accept_encoding="gzip, deflate")
    brotlied = await get(cache, accept_encoding="gzip, deflate, br, zstd")

    assert gzip.decompress(zipped.body) == brotli.decompress(brotlied.body) == plain.body
    assert zipped.headers[b"content-encoding"] == b"gzip"
    assert brotlied.headers[b"content-encoding"] == b"br"
    assert b"content-encoding" not in plain.headers
    assert len({a.headers[b"etag"] for a in (plain, zipped, brotlied)}) == 3
    for answer in (plain, zipped, brotlied):
        assert answer.headers[b"vary"] == b"Accept-Encoding"
        assert int(answer.headers[b"content-length"]) == len(answer.body)
    assert app.asked == 1


async def test_the_first_caller_gets_it_so_too(cache: ResponseCache) -> None:
    assert (await get(cache, accept_encoding="br")).headers[b"content-encoding"] == b"br"


async def test_what_the_view_says_of_vary_and_etag_stays(cache: ResponseCache, app: App) -> None:
    app.headers = [(b"vary", b"Accept, origin"), (b"etag", b'W/"seven"')]
    for encoding in ("br", "identity"):
        found = await get(cache, accept_encoding=encoding)
        assert found.headers[b"vary"] == b"Accept, origin, Accept-Encoding"
        assert found.headers[b"etag"] == b'W/"seven"'


async def test_each_encoding_is_told_apart_when_it_is_asked_for_again(
    cache: ResponseCache,
) -> None:
    etag = (await get(cache, accept_encoding="br")).headers[b"etag"].decode()

    same = await get(cache, accept_encoding="br", if_none_match=f'"other", W/{etag}')
    plain = await get(cache, if_none_match=etag)

    assert (same.status, same.body, same.headers[b"etag"].decode()) == (304, b"", etag)
    assert b"content-length" not in same.headers
    assert plain.status == 200


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (b"", ""),
        (b"br", "br"),
        (b"gzip", "gzip"),
        (b"GZIP, br;q=0.5", "gzip"),
        (b"br;q=0, gzip;q=0", ""),
        (b"*", "br"),
        (b"br;q=0, *", "gzip"),
        (b"identity, gzip;q=0.5", ""),
        (b"identity;q=0", ""),
        (b"deflate, zstd", ""),
        (b"gzip;q=nonsense", ""),
        (b"\xff;;q==,", ""),
    ],
)
def test_the_best_that_is_accepted_is_chosen(accepted: bytes, encoding: str) -> None:
    assert chosen(accepted, BOTH) == encoding


def test_what_is_short_or_no_text_is_left_as_it_is() -> None:
    assert set(encoded(b"short", b"text/plain")) == {""}
    assert set(encoded(b"\x89PNG" * 1_000, b"image/png")) == {""}
    assert set(encoded(b"long" * 1_000, b"application/json")) == {"", *BOTH}


@pytest.mark.parametrize(
    ("given", "expected"),
    [(b'"a"', True), (b'W/"a"', True), (b'"b", "a"', True), (b"*", True), (b'"b"', False)],
)
def test_whoever_has_it_is_found_out_by_weak_comparison(given: bytes, *, expected: bool) -> None:
    assert is_unchanged(given, b'"a"') is expected
