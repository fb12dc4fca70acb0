"""What is read from a page: title, description, icon, and in which characters."""

import codecs
import time
from contextlib import suppress

import pytest

from links.metadata import Metadata
from links.metadata.charsets import decode_page
from links.metadata.page import read_page
from monitoring.outbound import Deadline, OutboundError

URL = "https://example.com/blog/post.html?x=1"


def read(html: str, url: str = URL) -> Metadata:
    return read_page(html, url, Deadline(5))


def test_a_page_says_its_title_its_description_and_its_icon() -> None:
    found = read(
        """<!doctype html><html><head><meta charset=utf-8><title>Spring &amp; sale</title>
        <meta name="description" content="All about &quot;spring&quot;.">
        <link rel="shortcut icon" href="../icon.png?v=2"></head>"""
    )
    assert found == Metadata(
        title="Spring & sale",
        description='All about "spring".',
        favicon_url="https://example.com/icon.png?v=2",
    )


def test_what_is_meant_for_sharing_is_used_where_the_page_says_nothing_itself() -> None:
    shared = '<meta property="og:title" content="OG"><meta name="og:description" content="Desc">'
    assert read(shared)[:2] == ("OG", "Desc")
    assert read(f"{shared}<title>T</title><META NAME=Description CONTENT=D>")[:2] == ("T", "D")


def test_of_an_attribute_given_twice_the_first_counts() -> None:
    assert read("<meta name=description content=first content=second>").description == "first"


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>first</title><title>second</title>", "first"),
        ("<svg><title>a drawing</title></svg><title>the page</title>", "the page"),
        ("<head></head><title>late</title>", ""),
        ("<body><title>in the body</title>", ""),
        ("<title>\n  two\t lines\xa0 </title>", "two lines"),
        ("<title/>", ""),
        ("<!-- <title>no</title> --><title>yes</title>", "yes"),
        ("<script>'<title>no</title>'</script><title>yes</title>", "yes"),
        ("no markup at all", ""),
        ("", ""),
    ],
)
def test_the_title_of_the_page_is_the_first_in_its_head(html: str, title: str) -> None:
    assert read(html).title == title


def test_control_characters_and_marks_that_turn_text_around_are_removed() -> None:
    found = read("<title>a\x00b\x1b[31m\x85c&#8238;d\u2066e&#x7f;\ud800f\ufeff👩\u200d🚀</title>")
    assert found.title == "ab[31m cdef👩\u200d🚀"


def test_texts_end_where_the_model_does() -> None:
    found = read(
        f"<title>{'t' * 400}</title><meta name=description content='{'d' * 1001}'>"
        f"<link rel=icon href='/{'i' * 2048}'>"
    )
    assert found.title == "t" * 299 + "…"
    assert found.description == "d" * 999 + "…"
    assert found.favicon_url == ""
    assert read(f"<title>{'t' * 300}</title>").title == "t" * 300


@pytest.mark.parametrize(
    ("links", "icon"),
    [
        ('<link rel=icon href="/a.png">', "https://example.com/a.png"),
        ('<link rel=ICON href="a.png">', "https://example.com/blog/a.png"),
        ('<link rel=icon href=" //cdn.test/a.png ">', "https://cdn.test/a.png"),
        ('<base href="/static/"><link rel=icon href="a.png">', "https://example.com/static/a.png"),
        (
            '<base href="https://cdn.test/x/"><base href=/no/><link rel=icon href="a.png">',
            "https://cdn.test/x/a.png",
        ),
        (
            "<link rel=apple-touch-icon href=/t.png><link rel=icon href=/a.png>",
            "https://example.com/a.png",
        ),
        ("<link rel=apple-touch-icon href=/t.png>", "https://example.com/t.png"),
        ("<link rel=icon href=/1.png><link rel=icon href=/2.png>", "https://example.com/1.png"),
        ("<link rel=stylesheet href=/a.css>", ""),
        ("<link rel=icon>", ""),
        ('<link rel=icon href="data:image/png;base64,AAAA">', ""),
        ('<link rel=icon href="javascript:alert(1)">', ""),
        ('<link rel=icon href="https://user:secret@cdn.test/a.png">', ""),
        ('<link rel=icon href="mailto:a@b.test">', ""),
        ('<link rel=icon href="http://[">', ""),
        ('<base href="http://["><link rel=icon href="a.png">', ""),
    ],
)
def test_the_icon_is_an_address_of_the_web(links: str, icon: str) -> None:
    assert read(links).favicon_url == icon


@pytest.mark.parametrize(
    ("body", "declared", "text"),
    [
        ("ä".encode(), "", "ä"),
        ("ä".encode(), "utf-8", "ä"),
        ("ä“x".encode("cp1252"), "", "ä“x"),
        ("ä“".encode("cp1252"), "ISO-8859-1", "ä“"),
        (codecs.BOM_UTF8 + "ä".encode(), "iso-8859-1", "ä"),
        ("ä".encode("utf-16"), "", "ä"),
        ("日本".encode("shift_jis"), "Shift_JIS", "日本"),
        (b"<meta charset=koi8-r>" + "я".encode("koi8-r"), "", "<meta charset=koi8-r>я"),
        (b"<meta charset=koi8-r>" + "я".encode(), "utf-8", "<meta charset=koi8-r>я"),
        (
            b'<META http-equiv=Content-Type content="text/html; charset=windows-1251">\xe4',
            "",
            '<META http-equiv=Content-Type content="text/html; charset=windows-1251">д',
        ),
        (b"<meta charset=utf-16>\xc3\xa4", "", "<meta charset=utf-16>ä"),
        (b"+ADw-title+AD4-", "utf-7", "+ADw-title+AD4-"),
        (b"\\u003ctitle", "unicode_escape", "\\u003ctitle"),
        (b"abc", "rot13", "abc"),
        (b"abc", "\x00", "abc"),
        ("ä".encode()[:1], "", "\ufffd"),
        (b"\xff", "utf-8", "\ufffd"),
    ],
)
def test_bytes_are_read_as_a_browser_would(body: bytes, declared: str, text: str) -> None:
    assert decode_page(body, declared) == text


@pytest.mark.parametrize("before", ["", "<title>", "<script>", "<a "])
@pytest.mark.parametrize(
    "unit",
    ["<", "<a", "<a a=", "<a x='", "</", "</a ", "<!", "<!--", "<![", "<?", "&", "&#1", '="'],
)
def test_what_is_no_html_is_given_up_in_time(before: str, unit: str) -> None:
    html, started = before + unit * (1_000_000 // len(unit)), time.monotonic()
    with suppress(OutboundError):
        read_page(html, URL, Deadline(0.5))
    assert time.monotonic() - started < 5
