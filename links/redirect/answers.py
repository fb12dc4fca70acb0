"""Everything the redirect road says that is not a redirect: refusals, the password form, previews.

Browsers (`Accept: text/html`) get a page, everybody else problem+json. The pages are plain files
with `$name` places; what is put in is escaped here.
"""

from functools import cache
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import msgspec

from links.redirect.decision import Outcome
from links.redirect.target import Target
from monitoring.wire.rfc9457 import CONTENT_TYPE, members

PAGES = Path(__file__).resolve().parents[2] / "templates" / "links" / "redirect"
_PAGE_POLICY = (
    b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    b"base-uri 'none'; frame-ancestors 'none'"
)

Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


class Refusal(NamedTuple):
    status: int
    code: str
    detail: str
    retry_after: int = 0


REFUSALS = {
    Outcome.UNKNOWN: Refusal(404, "link_not_found", "There is no link at this address."),
    Outcome.NOT_STARTED: Refusal(404, "link_not_started", "This link is not open yet."),
    Outcome.EXPIRED: Refusal(410, "link_expired", "This link has ended."),
    Outcome.EXHAUSTED: Refusal(
        410, "link_click_limit_reached", "This link has been used as often as it may be."
    ),
    Outcome.DELETED: Refusal(410, "link_deleted", "This link was removed by its owner."),
    Outcome.PASSWORD_REQUIRED: Refusal(
        401, "link_password_required", "This link asks for a password."
    ),
    Outcome.TOO_FAST: Refusal(
        429, "link_too_many_clicks", "This link is being opened too often just now."
    ),
}
WRONG_PASSWORD = Refusal(403, "link_password_wrong", "That is not the password of this link.")
TOO_MANY_ATTEMPTS = Refusal(429, "too_many_attempts", "Too many wrong passwords. Try again later.")
UNREACHABLE = Refusal(503, "unavailable", "This link cannot be looked up just now.", 2)
FAILED = Refusal(500, "internal_error", "Something went wrong on our side.")
METHOD_NOT_ALLOWED = Refusal(405, "method_not_allowed", "A short link is opened with GET.")
FORM_TOO_SLOW = Refusal(408, "request_timeout", "The form did not arrive in time.")
FORM_TOO_BIG = Refusal(413, "request_too_large", "A password form is not that long.")


def refuse(refusal: Refusal, *, html: bool, path: str, correlation: bytes) -> Answer:
    headers = _headers(correlation)
    if refusal.retry_after:
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"GET, HEAD, POST"))
    if html:
        page = _render("refusal", title=_title(refusal), detail=refusal.detail)
        return _page(refusal.status, page, headers)
    problem = members(
        code=refusal.code,
        status=refusal.status,
        detail=refusal.detail,
        instance=path,
        correlation=correlation.decode(),
    )
    headers.append((b"content-type", CONTENT_TYPE.encode()))
    return _sized(refusal.status, headers, msgspec.json.encode(problem))


def ask_password(target: Target, *, wrong: bool, correlation: bytes) -> Answer:
    """The form; 403 after a wrong password, else 401 as for any answer that wants credentials."""
    refusal = WRONG_PASSWORD if wrong else REFUSALS[Outcome.PASSWORD_REQUIRED]
    page = _render("password", slug=target.slug, notice=WRONG_PASSWORD.detail if wrong else "")
    return _page(refusal.status, page, _headers(correlation))


def preview(target: Target, *, html: bool, correlation: bytes) -> Answer:
    """Where the link leads, without going there. The target of a protected or limited link is not
    shown: looking would go round the password or the limit."""
    url = "" if target.password_hash or target.max_clicks else target.url
    if html:
        shown = {"title": target.title or target.slug, "description": target.description}
        return _page(
            200, _render("preview", slug=target.slug, url=url, **shown), _headers(correlation)
        )
    body: dict[str, Any] = {
        "slug": target.slug,
        "url": url or None,
        "title": target.title,
        "description": target.description,
        "hasPassword": bool(target.password_hash),
    }
    headers = [*_headers(correlation), (b"content-type", b"application/json")]
    return _sized(200, headers, msgspec.json.encode(body))


def redirect(url: str, status: int, *, crawlable: bool, correlation: bytes) -> Answer:
    headers = _redirect_headers(url, status, crawlable=crawlable)
    return Answer(status, [*headers, (b"x-correlation-id", correlation)], b"")


def redirect_headers(target: Target) -> Headers:
    """All but the correlation id, of the link's own redirect."""
    return _redirect_headers(target.url, target.status, crawlable=target.crawlable)


def _redirect_headers(url: str, status: int, *, crawlable: bool) -> Headers:
    """`no-store` keeps browsers from skipping us next time; the owner gives that up with a 301."""
    caching = b"private, no-store" if status in {302, 303, 307} else b"private, max-age=86400"
    headers = [
        (b"location", url.encode("ascii")),
        (b"cache-control", caching),
        (b"content-length", b"0"),
    ]
    if not crawlable:
        headers.append((b"x-robots-tag", b"noindex"))
    return headers


def _headers(correlation: bytes) -> Headers:
    return [
        (b"cache-control", b"private, no-store"),
        (b"x-correlation-id", correlation),
        (b"x-content-type-options", b"nosniff"),
        (b"x-robots-tag", b"noindex"),
        (b"vary", b"accept"),
    ]


def _page(status: int, page: str, headers: Headers) -> Answer:
    headers += [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", _PAGE_POLICY),
        (b"referrer-policy", b"same-origin"),
    ]
    return _sized(status, headers, page.encode())


def _sized(status: int, headers: Headers, body: bytes) -> Answer:
    return Answer(status, [*headers, (b"content-length", str(len(body)).encode())], body)


def _title(refusal: Refusal) -> str:
    return HTTPStatus(refusal.status).phrase


def _render(name: str, **values: str) -> str:
    return _template(name).substitute({key: escape(value) for key, value in values.items()})


@cache
def _template(name: str) -> Template:
    return Template((PAGES / f"{name}.html").read_text(encoding="utf-8"))
