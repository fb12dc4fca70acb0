"""Which characters the bytes of a page stand for."""

import codecs
import re

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_META_WITHIN = 4096
# Web pages only. Python knows others, of which some can hide markup (utf-7) and some are no
# encodings of text at all.
_NAMES = """
    utf-8 utf-16 utf-16-le utf-16-be cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257
    cp1258 cp866 cp874 koi8-r koi8-u mac-roman iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6
    iso8859-7 iso8859-8 iso8859-10 iso8859-13 iso8859-14 iso8859-15 iso8859-16 gbk gb18030 big5
    big5hkscs euc_jp shift_jis cp932 iso2022_jp euc_kr cp949
"""
_ENCODINGS = frozenset(_NAMES.split())
# As browsers read them: what calls itself by these names is really the other.
_REALLY = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gbk"}


def decode_page(body: bytes, declared: str) -> str:
    """By its byte order mark, the header, its meta element; else UTF-8, and if it cannot be that,
    windows-1252. What is no character becomes U+FFFD."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body.removeprefix(mark).decode(encoding, "replace")
    encoding = _known(declared) or _from_meta(body) or _guess(body)
    return body.decode(encoding, "replace")


def _known(label: str) -> str:
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return ""
    name = _REALLY.get(name, name)
    return name if name in _ENCODINGS else ""


def _from_meta(body: bytes) -> str:
    match = _META.search(body[:_META_WITHIN])
    found = _known(match[1].decode("ascii", "replace")) if match else ""
    # Whoever could read this far as ASCII is not reading UTF-16.
    return "utf-8" if found.startswith("utf-16") else found


def _guess(body: bytes) -> str:
    """The end of the page may have been cut in the middle of a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
