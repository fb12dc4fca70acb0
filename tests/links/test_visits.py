"""Personal addresses: whoever opens one is seen to click, and nobody else is taken for her."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from links import visits
from links.clicks.drain import drain_once
from links.events import clicks_recorded
from links.models import Click, MarkedClick
from links.redirect import app
from links.redirect.marks import UNREADABLE
from monitoring.redis import durable
from tests.links.conftest import HOUR, IPHONE, Door, MakeLink, opened, personal_clicks, token_for

make = sync_to_async
COOKIE = "__Host-rallypoint_browser"


@pytest.fixture
async def secure(transactional_db: None, tmp_path: Path) -> AsyncIterator[Door]:
    """As behind TLS, which is what PUBLIC_URL of the tests says."""
    async with opened(tmp_path, https=True) as one:
        yield one


async def seen(door: Door) -> list[tuple[str, str]]:
    """Subjects and outcomes of what was clicked by now, in order."""
    await door.runtime.journal.flush()
    await make(drain_once)(durable())
    return await make(personal_clicks)()


# --- Through the redirect -------------------------------------------------------------------------


async def test_opening_a_personal_address_is_seen_on_either_road(
    secure: Door, make_link: MakeLink, told: list[list[str]]
) -> None:
    link = await make(make_link)(slug="s")
    path = f"/s?p={await make(token_for)(link)}"

    first, second = [await secure.get(path, accept="text/html") for _ in range(2)]

    assert (first.status, first.location) == (302, "https://example.com/")
    assert (second.status, second.location) == (302, "https://example.com/")
    assert await seen(secure) == [("ada", "counted")] * 2
    ids = [first.headers["x-correlation-id"], second.headers["x-correlation-id"]]
    assert told == [ids]
    row = await MarkedClick.objects.aget(pk=ids[0])
    click = await Click.objects.aget(event_id=ids[0])
    assert (row.link_id, row.at) == (link.pk, click.at)


async def test_receivers_hear_of_what_is_committed(secure: Door, make_link: MakeLink) -> None:
    found = []

    def look(ids: list[str], **_: Any) -> None:
        found.append((connection.in_atomic_block, MarkedClick.objects.filter(pk__in=ids).count()))

    link = await make(make_link)(slug="s")
    await secure.get(f"/s?p={await make(token_for)(link)}")
    clicks_recorded.connect(look)
    try:
        await seen(secure)
    finally:
        clicks_recorded.disconnect(look)

    assert found == [(False, 1)]


async def test_an_address_that_is_nobodys_own_is_not_looked_at(
    secure: Door, make_link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(make_link)(slug="s")
    monkeypatch.setattr(app, "mark_of", lambda *_: pytest.fail("it was looked at"))

    for path in ("/s", "/s", "/s?utm_source=x", "/s?"):
        assert (await secure.get(path)).status == 302
    assert await seen(secure) == []


async def test_other_parameters_leave_no_mark(secure: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s")

    for query in ("step=1&map=2", "p=", "x=p=&P=1", "ap=1"):
        assert (await secure.get(f"/s?{query}")).status == 302
    assert await seen(secure) == []


async def test_who_only_looks_leaves_nothing(secure: Door, make_link: MakeLink) -> None:
    link = await make(make_link)(slug="s")
    path = f"p={await make(token_for)(link)}"

    for _ in range(2):  # the second time it is remembered
        assert (await secure.request("HEAD", f"/s?{path}")).status == 302
        assert (await secure.get(f"/s?{path}", sec_purpose="prefetch;prerender")).status == 302
        assert (await secure.get(f"/s+?{path}")).status == 200
        await secure.get("/s")

    assert await seen(secure) == []


async def test_of_who_asks_not_to_be_profiled_only_the_mark_is_kept(
    secure: Door, make_link: MakeLink
) -> None:
    link = await make(make_link)(slug="s")
    path = f"/s?p={await make(token_for)(link)}"

    await secure.get(path, dnt="1", cf_ipcountry="DE")
    await secure.get(path, sec_gpc="1", accept_language="de")

    assert await seen(secure) == [("ada", "counted")] * 2
    async for click in Click.objects.all():
        assert click.visitor is None
        assert {click.country, click.language, click.browser} == {""}


async def test_an_address_bound_to_a_browser_is_worth_nothing_in_another(
    secure: Door, make_link: MakeLink
) -> None:
    link = await make(make_link)(slug="s")
    hers, other = visits.new_browser(), visits.new_browser()
    path = f"/s?p={await make(token_for)(link, browser=hers)}"

    for cookie in (f"a=b; {COOKIE}={hers}; c=d", f"{COOKIE}={other}", f"{COOKIE}=", "a=b"):
        await secure.get(path, cookie=cookie)
    await secure.get(path)

    assert await seen(secure) == [("ada", "counted")] + [("ada", "other_browser")] * 4


async def test_it_is_seen_however_the_link_decides_and_never_passed_on(
    secure: Door, make_link: MakeLink
) -> None:
    target = "https://own.example/?p=7"
    rules = [{"name": "apple", "when": {"os": ["iOS"]}, "url": "https://ios.example/"}]
    variants = [{"name": "a", "url": "https://a.example/"}]
    kinds: dict[str, dict[str, Any]] = {
        "rules": {"rules": rules},
        "variants": {"variants": variants},
        "limited": {"max_clicks": 1},
        "slow": {"max_clicks_per_minute": 1},
        "passing": {"forward_query": True},
    }
    found = {}
    for slug, fields in kinds.items():
        link = await make(make_link)(slug=slug, url=target, **fields)
        query = f"a=1&p={await make(token_for)(link, slug)}&b=2"
        found[slug] = (await secure.get(f"/{slug}?{query}", user_agent=IPHONE)).location

    assert found == {
        "rules": "https://ios.example/",
        "variants": "https://a.example/",
        "limited": target,
        "slow": target,
        "passing": f"{target}&a=1&b=2",
    }
    assert await seen(secure) == [(slug, "counted") for slug in kinds]


async def test_a_short_p_is_the_targets_own_business(secure: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s", url="https://blog.example/", forward_query=True)

    assert (await secure.get("/s?p=123")).location == "https://blog.example/?p=123"
    assert await seen(secure) == []


async def test_a_password_is_posted_to_the_same_address_and_only_then_it_counts(
    secure: Door, make_link: MakeLink
) -> None:
    link = await make(make_link)(slug="s", password="sesame")
    token = await make(token_for)(link)

    asked = await secure.get(f"/s?p={token}", accept="text/html")
    wrong = await secure.request("POST", f"/s?p={token}", b"password=x", accept="text/html")
    right = await secure.request("POST", f"/s?p={token}", b"password=sesame")

    assert [asked.status, wrong.status, right.status] == [401, 403, 303]
    assert await seen(secure) == [("ada", "counted")]
    # The form has no address of its own, so that the browser keeps hers.
    assert b"action=" not in asked.body
    for answer in (asked, wrong, right):
        assert token not in f"{answer.headers} {answer.body!r}"


async def test_no_preview_refusal_or_log_repeats_it(
    secure: Door, make_link: MakeLink, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    link = await make(make_link)(slug="s", expires_at=datetime.now(UTC) - HOUR)
    token = await make(token_for)(link)

    answers = [
        await secure.get(f"/{path}?p={token}", accept=accept)
        for path in ("s", "s+", "typo")
        for accept in ("text/html", "application/json")
    ]

    assert {answer.status for answer in answers} == {404, 410}
    assert await seen(secure) == []
    shown = "".join(f"{answer.headers} {answer.body!r}" for answer in answers)
    assert token not in shown + caplog.text + "".join(capfd.readouterr())


async def test_what_is_no_token_is_forged_and_harms_nobody_in_its_batch(
    secure: Door, make_link: MakeLink
) -> None:
    link = await make(make_link)(slug="s")
    odd = ["x" * 5000, "%00" * 20, "a.b" * 20, "a b" * 20, "ö" * 60, "A" * 140]
    await secure.get("/s")

    tokens = [*odd, await make(token_for)(link)]
    await asyncio.gather(*(secure.get(f"/s?p={token}") for token in tokens))

    assert sorted(await seen(secure)) == [("", "forged")] * len(odd) + [("ada", "counted")]


def test_a_long_one_is_not_kept() -> None:
    scope = {"query_string": b"p=" + b"x" * 141, "headers": []}
    assert app.mark_of(scope, COOKIE.encode()) == UNREADABLE


# --- The token ------------------------------------------------------------------------------------


def test_an_address_stays_short_and_takes_what_it_can_carry(make_link: MakeLink) -> None:
    link = make_link(slug="s")
    link.pk = 2**63 - 1
    address = visits.personal_address(link=link, subject="~" * 64, valid_for=HOUR)
    assert address.startswith("https://rally.test/s?p=")
    assert len(address.partition("=")[2]) == 135

    for subject in ("", "x" * 65, "ö", "a\nb", "a\0"):
        with pytest.raises(ValueError, match="1 to 64"):
            token_for(link, subject)


def test_nothing_about_a_token_can_be_changed(make_link: MakeLink) -> None:
    link = make_link()
    token = token_for(link)
    now = datetime.now(UTC)

    def outcome(text: str) -> str:
        return visits.read(text, link_id=link.pk, at=now, browser=b"").outcome

    assert outcome(token) == "counted"
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for place, letter in enumerate(token):
        # Each of its bits, those that a lenient decoder throws away too.
        for bit in range(6):
            other = alphabet[alphabet.index(letter) ^ 1 << bit]
            assert outcome(token[:place] + other + token[place + 1 :]) == "forged", (place, bit)
    for text in ("", "A", token[:-1], f"{token}A", f"{token}=", f" {token}", f"{token}\n", "é"):
        assert outcome(text) == "forged", text


def test_it_is_signed_with_the_secret_key_and_old_ones_are_known(
    make_link: MakeLink, settings: Settings
) -> None:
    link = make_link()
    token = token_for(link)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "n" * 60

    def subject() -> str:
        return visits.read(token, link_id=link.pk, at=datetime.now(UTC), browser=b"").subject

    assert not subject()
    settings.SECRET_KEY_FALLBACKS = [old]
    assert subject() == "ada"


def test_a_browser_is_told_once_and_recognised(rf: RequestFactory) -> None:
    value = visits.new_browser()
    response = HttpResponse()
    visits.remember_browser(response, value)
    cookie = response.cookies[COOKIE]
    assert (cookie["samesite"], cookie["httponly"], cookie["secure"]) == ("Lax", True, True)
    assert (cookie["path"], cookie["domain"]) == ("/", "")

    rf.cookies[COOKIE] = cookie.value
    assert visits.browser_of(rf.get("/")) == value
    rf.cookies[COOKIE] = "something else"
    assert visits.browser_of(rf.get("/")) == ""


def test_no_cookie_goes_to_a_domain_of_its_own_so_nothing_is_bound_there(
    make_link: MakeLink,
) -> None:
    for domain, outcome in (("go.example", "counted"), ("", "other_browser")):
        link = make_link(slug="s", domain=domain)
        token = token_for(link, browser=visits.new_browser())
        reading = visits.read(token, link_id=link.pk, at=datetime.now(UTC), browser=b"")
        assert reading.outcome == outcome
