"""Rules for templates and for the scripts of pages."""

import re
from collections.abc import Iterator

from tests.rules.source import Rule, Source

Found = Iterator[tuple[int, str]]

_UNESCAPED = re.compile(r"\|\s*(?:safe|safeseq)\b|autoescape\s+off|\{%\s*filter\s+safe")
_FORM = re.compile(
    r"<form\b(?P<attributes>[^>]*)>(?P<inside>.*?)</form>", re.DOTALL | re.IGNORECASE
)
_POSTS = re.compile(r"method\s*=\s*[\"']?post", re.IGNORECASE)
_NEW_WINDOW = re.compile(r"<a\b[^>]*target=\"_blank\"[^>]*>", re.DOTALL)
_HANDLER = re.compile(r"<[a-z][^>]*\son[a-z]+\s*=\s*[\"']", re.IGNORECASE)
_INLINE = re.compile(r"<script\b(?![^>]*\bsrc=)(?![^>]*\bnonce=)(?![^>]*type=\"application/json\")")
_SCRIPT_ADDRESS = re.compile(r"(?:href|src|action)\s*=\s*[\"']?\s*javascript:", re.IGNORECASE)
_INNER = re.compile(r"\.(?:innerHTML|outerHTML)\s*=[^=]|insertAdjacentHTML|document\.write\b")
_RUNS = re.compile(r"\beval\s*\(|new\s+Function\s*\(|set(?:Timeout|Interval)\s*\(\s*[\"'`]")

# The redirect knows no cookie: what its form posts is a password, and nothing is done for one.
_WITHOUT_SESSIONS = "templates/links/redirect/"


def html(source: Source) -> Found:
    """A template escapes; what is not escaped says why."""
    yield from _lines(source, _UNESCAPED, "not escaped")


def form(source: Source) -> Found:
    """A form that writes carries its token."""
    if source.path.startswith(_WITHOUT_SESSIONS):
        return
    for found in _FORM.finditer(source.text):
        if _POSTS.search(found["attributes"]) and "csrf_token" not in found["inside"]:
            yield _line(source, found.start()), "a form that posts, without csrf_token"


def opener(source: Source) -> Found:
    """A page that is opened beside ours learns nothing of it."""
    for found in _NEW_WINDOW.finditer(source.text):
        if "noopener" not in found[0]:
            yield _line(source, found.start()), "a new window, without rel=noopener"


def inline(source: Source) -> Found:
    """Scripts are files of ours: the policy forbids others, and so does nobody need to."""
    yield from _lines(source, _HANDLER, "a script in an attribute")
    yield from _lines(source, _INLINE, "a script in the page, without a nonce")
    yield from _lines(source, _SCRIPT_ADDRESS, "a script as an address")


def inner(source: Source) -> Found:
    """A script writes text; whoever writes HTML says who has escaped it."""
    yield from _lines(source, _INNER, "writes HTML")


def execution(source: Source) -> Found:
    yield from _lines(source, _RUNS, "runs a text")


TEMPLATE_RULES: dict[str, Rule] = {"form": form, "html": html, "inline": inline, "opener": opener}
SCRIPT_RULES: dict[str, Rule] = {"execution": execution, "html": inner}


def _lines(source: Source, pattern: re.Pattern[str], message: str) -> Found:
    for found in pattern.finditer(source.text):
        yield _line(source, found.start()), message


def _line(source: Source, at: int) -> int:
    return source.text.count("\n", 0, at) + 1
