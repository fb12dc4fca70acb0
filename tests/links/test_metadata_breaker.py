"""Links to a site that is away do not each wait for it."""

from collections.abc import Callable

import pytest

from links.metadata import MetadataError, fetch_metadata
from tests.sites import Site, answer, started_sites, towards

serve = pytest.fixture(started_sites, name="serve")


def code_of(site: Site, url: str) -> str:
    try:
        fetch_metadata(url, connector=towards(site))
    except MetadataError as error:
        return error.code
    return ""


def test_after_some_failures_the_site_is_not_asked(serve: Callable[..., Site]) -> None:
    broken = serve(lambda connection, _: connection.sendall(b"HTTP/1.1 abc\r\n\r\n"))
    other = serve(answer())
    codes = [code_of(broken, f"http://away.test/{number}") for number in range(7)]
    assert codes == ["bad_response"] * 5 + ["circuit_open"] * 2
    assert len(broken.requests) == 5
    assert code_of(other, "http://here.test/") == ""


def test_what_a_page_says_is_no_failure(serve: Callable[..., Site]) -> None:
    site = serve(answer(b"", status="404 Not Found"))
    assert {code_of(site, f"http://here.test/{n}") for n in range(8)} == {"status"}
