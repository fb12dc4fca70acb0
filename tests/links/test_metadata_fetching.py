"""A target's page over real connections; only where names lead to is made up."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from links.metadata import Metadata, MetadataError, fetch_metadata
from tests.sites import HERE, PAGE, Handler, Site, answer, redirect, started_sites, towards

serve = pytest.fixture(started_sites, name="serve")


def fetch(site: Site, url: str = "http://example.test/", **options: Any) -> Metadata:
    return fetch_metadata(url, connector=towards(site), **options)


def code_of(site: Site, url: str = "http://example.test/", **options: Any) -> str:
    with pytest.raises(MetadataError) as caught:
        fetch(site, url, **options)
    return caught.value.code


def test_a_page_is_asked_for_by_its_name_and_anonymously(serve: Callable[..., Site]) -> None:
    site = serve(answer())
    found = fetch(site, "http://EXAMPLE.test./a/ü?q=1#part")
    assert found == Metadata("Spring", "", "http://example.test./i.png")
    (request,) = site.requests
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /a/%C3%BC?q=1 HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    assert headers["Host"] == "example.test"
    assert headers["Accept-Encoding"] == "identity"
    assert set(headers) == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}


@pytest.mark.parametrize("status", ["301 x", "302 x", "303 x", "307 x", "308 x"])
def test_two_redirects_are_followed_without_what_the_first_left_behind(
    serve: Callable[..., Site], status: str
) -> None:
    site = serve(redirect("/one", status), redirect("//other.test/zwei/ü"), answer())
    assert fetch(site).favicon_url == "http://other.test/i.png"
    paths = [request.split()[1] for request in site.requests]
    assert paths == [b"/", b"/one", b"/zwei/%C3%BC"]
    assert not [request for request in site.requests if b"cookie" in request.lower()]


def test_a_third_redirect_is_one_too_many(serve: Callable[..., Site]) -> None:
    site = serve(redirect("/again"))
    assert code_of(site) == "too_many_redirects"
    assert len(site.requests) == 3


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://10.0.0.1/", "address_forbidden"),
        ("http://[::1]/", "address_forbidden"),
        ("http://2852039166/", "address_forbidden"),
        ("http://internal.test/", "address_forbidden"),
        ("https://internal.test/", "address_forbidden"),
        ("http://example.test:6379/", "port_forbidden"),
        ("file:///etc/passwd", "address_invalid"),
        ("gopher://example.test/", "address_invalid"),
        ("http://user:secret@example.test/", "address_invalid"),
        ("javascript:alert(1)", "address_invalid"),
        ("http://[", "address_invalid"),
    ],
)
def test_where_a_redirect_leads_is_checked_like_a_target(
    serve: Callable[..., Site], location: str, code: str
) -> None:
    site = serve(redirect(location))
    names = {"example.test": HERE, "internal.test": "10.0.0.1", "2852039166": "169.254.169.254"}
    connector = towards(site, resolve=lambda host, _: [(names.get(host, host), site.port)])
    with pytest.raises(MetadataError) as caught:
        fetch_metadata("http://example.test/", connector=connector)
    assert caught.value.code == code
    assert len(site.requests) == 1


def test_a_name_that_becomes_private_between_two_hops_is_refused(
    serve: Callable[..., Site],
) -> None:
    site = serve(redirect("http://example.test/again"))
    answers = iter([HERE, "127.0.0.2"])
    connector = towards(site, resolve=lambda *_: [(next(answers), site.port)])
    with pytest.raises(MetadataError, match="address_forbidden"):
        fetch_metadata("http://example.test/", connector=connector)
    assert len(site.requests) == 1


def test_another_of_its_addresses_is_tried_when_one_is_dead(serve: Callable[..., Site]) -> None:
    site = serve(answer())
    with socket.create_server((HERE, 0)) as dead:
        port = dead.getsockname()[1]
    connector = towards(site, resolve=lambda *_: [(HERE, port), (HERE, site.port)])
    assert fetch_metadata("http://example.test/", connector=connector).title == "Spring"
    connector = towards(site, resolve=lambda *_: [(HERE, port)])
    with pytest.raises(MetadataError, match="unreachable"):
        fetch_metadata("http://example.test/", connector=connector)


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (answer(status="404 Not Found"), "status"),
        (answer(status="500 Oh"), "status"),
        (answer(status="204 No Content"), "status"),
        (answer(status="304 Not Modified"), "status"),
        (answer(b"", status="302 Found"), "status"),
        (answer(kind="application/pdf"), "content_type"),
        (answer(kind="image/svg+xml"), "content_type"),
        (answer(kind="nonsense"), "content_type"),
        (answer(PAGE, "Content-Encoding: gzip"), "content_encoding"),
        (answer(PAGE, "Content-Encoding: br"), "content_encoding"),
        (lambda connection, _: connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n"), "bad_response"),
        (lambda connection, _: connection.sendall(b"HTTP/1.1 abc\r\n\r\n"), "bad_response"),
        (lambda connection, _: connection.sendall(b""), "bad_response"),
        (answer(b"", "X: " + "x" * 70_000), "bad_response"),
        (answer(b"", *["X: x"] * 200), "bad_response"),
    ],
)
def test_what_is_no_page_says_why(serve: Callable[..., Site], handler: Handler, code: str) -> None:
    assert code_of(serve(handler)) == code


@pytest.mark.parametrize(
    "handler",
    [
        answer(kind="TEXT/HTML; charset=utf-8"),
        answer(kind="application/xhtml+xml"),
        answer(PAGE, f"Content-Length: {len(PAGE)}", "Content-Encoding: identity"),
        answer(PAGE, "Content-Length: 1000000000000"),
        answer(PAGE, "Content-Length: -1"),
        answer(b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE), PAGE), "Transfer-Encoding: chunked"),
        answer(b"fffffffff\r\n%s" % PAGE, "Transfer-Encoding: chunked"),
        answer(
            b"7\r\n<title>\r\n6\r\nSpring\r\n8\r\n</title>\r\nzz\r\n", "Transfer-Encoding: chunked"
        ),
    ],
)
def test_however_a_page_is_sent_it_is_read(serve: Callable[..., Site], handler: Handler) -> None:
    assert fetch(serve(handler)).title == "Spring"


def test_the_charset_is_what_the_header_says(serve: Callable[..., Site]) -> None:
    site = serve(answer("<title>я</title>".encode("koi8-r"), kind="text/html; charset=KOI8-R"))
    assert fetch(site).title == "я"
