"""A short address, as the visitor who opens it meets it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from links.clicks.drain import drain_once
from links.models import Click, Link
from links.services import delete_link, update_link
from monitoring.redis import durable
from tests.links.conftest import CHROME, IPHONE, Door, MakeLink

make = sync_to_async


async def clicks_of(door: Door, link: Link) -> list[Click]:
    await door.runtime.journal.flush()
    await make(drain_once)(durable())
    return [click async for click in Click.objects.filter(link_id=link.pk).order_by("at")]


async def test_a_visitor_is_sent_on_and_her_click_is_counted(
    door: Door, make_link: MakeLink
) -> None:
    link = await make(make_link)(slug="Summer")

    answer = await door.get("/sUMMER", referer="https://news.example/a?b", cf_ipcountry="DE",
                            accept_language="de-AT,en;q=0.5")  # fmt: skip

    assert (answer.status, answer.location) == (302, "https://example.com/")
    assert answer.headers["cache-control"] == "private, no-store"
    (click,) = await clicks_of(door, link)
    assert (click.country, click.language, click.referrer) == ("DE", "de", "news.example")
    assert (click.browser, click.os, click.device, click.is_bot) == (
        "Chrome", "Windows", "desktop", False,
    )  # fmt: skip
    assert answer.headers["x-correlation-id"] == click.event_id.hex


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_the_owner_chooses_the_status(door: Door, make_link: MakeLink, status: int) -> None:
    await make(make_link)(slug="s", redirect_status=status)

    assert (await door.get("/s")).status == status


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"sec_purpose": "prefetch;prerender"}),
        ("GET", {"purpose": "prefetch"}),
        ("GET", {"x_moz": "prefetch"}),
    ],
)
async def test_looking_without_clicking_is_answered_and_not_counted(
    door: Door, make_link: MakeLink, method: str, headers: dict[str, str]
) -> None:
    link = await make(make_link)(slug="s")
    looks = [await door.request(method, "/s", **headers)]
    await door.get("/s")  # from here on the link is remembered
    looks.append(await door.request(method, "/s", **headers))

    assert {(look.status, look.location) for look in looks} == {(302, "https://example.com/")}
    assert len(await clicks_of(door, link)) == 1


@pytest.mark.parametrize("fields", [{}, {"crawlable": True, "redirect_status": 301}])
async def test_a_remembered_link_is_answered_as_one_that_is_looked_up(
    door: Door, make_link: MakeLink, fields: dict[str, Any]
) -> None:
    link = await make(make_link)(slug="s", **fields)
    private = {"dnt": "1", "referer": "https://from.example/"}
    answers = [await door.get("/s", x_correlation_id="c" * 32, **private) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert answers[0].headers["x-correlation-id"] == "c" * 32
    assert [click.referrer for click in await clicks_of(door, link)] == [""] * 3


async def test_the_preview_tells_the_target_and_counts_nothing(
    door: Door, make_link: MakeLink
) -> None:
    link = await make(make_link)(slug="s", title="<b>Sale</b>")

    page = await door.get("/s+", accept="text/html")

    assert page.status == 200
    assert b"https://example.com/" in page.body
    assert b"&lt;b&gt;Sale" in page.body
    assert b"<b>Sale" not in page.body
    assert await clicks_of(door, link) == []


async def test_a_visitor_who_asks_not_to_be_profiled_is_only_counted(
    door: Door, make_link: MakeLink
) -> None:
    link = await make(make_link)(slug="s")

    await door.get("/s", dnt="1", referer="https://a.example/", accept_language="de")
    await door.get("/s", sec_gpc="1", cf_ipcountry="DE")

    for click in await clicks_of(door, link):
        assert click.visitor is None
        assert {click.country, click.language, click.referrer, click.browser, click.os} == {""}
        assert not click.is_bot


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nothing", 404, "link_not_found"),
        ("/%00", 404, "link_not_found"),
        ("/a%20b", 404, "link_not_found"),
        ("/wp-login.php", 404, "link_not_found"),
        ("/" + "x" * 5000, 404, "link_not_found"),
        ("/%F0%9F%99%82", 404, "link_not_found"),
    ],
)
async def test_an_unknown_address_is_a_problem_with_a_code(
    door: Door, path: str, status: int, code: str
) -> None:
    answer = await door.get(path)

    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_browsers_get_a_page_instead(door: Door) -> None:
    answer = await door.get("/nothing", accept="text/html,*/*;q=0.8")

    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/api/links", "/admin/", "/Admin", "/links", "/a/b", "/ws"])
async def test_everything_else_goes_to_django(door: Door, path: str) -> None:
    assert (await door.get(path)).headers == {"server": "django"}


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"starts_at": timedelta(hours=1)}, 404, "link_not_started"),
        ({"expires_at": timedelta(hours=-1)}, 410, "link_expired"),
    ],
)
async def test_outside_its_window_a_link_says_so(
    door: Door, make_link: MakeLink, fields: dict[str, timedelta], status: int, code: str
) -> None:
    await make(make_link)(slug="s", **{k: timezone.now() + v for k, v in fields.items()})

    answer = await door.get("/s")

    assert (answer.status, answer.code) == (status, code)


async def test_after_its_end_visitors_are_sent_to_the_fall_back_uncounted(
    door: Door, make_link: MakeLink
) -> None:
    past = timezone.now() - timedelta(hours=1)
    link = await make(make_link)(slug="s", expires_at=past, expired_url="https://over.example/")

    answer = await door.get("/s")

    assert (answer.status, answer.location) == (302, "https://over.example/")
    assert await clicks_of(door, link) == []


async def test_a_deleted_link_is_gone_for_good(door: Door, make_link: MakeLink) -> None:
    link = await make(make_link)(slug="s")
    await door.get("/s")

    await make(delete_link)(link=link)

    await _eventually(door, "/s", 410)
    assert (await door.get("/s")).code == "link_deleted"


async def test_a_changed_target_is_served_at_once(
    door: Door, make_link: MakeLink, alice: Any
) -> None:
    link = await make(make_link)(slug="s")
    await door.get("/s")

    await make(update_link)(link=link, changed_by=alice, url="https://new.example/")

    await _eventually(door, "/s", 302, location="https://new.example/")


async def test_a_new_link_is_served_though_its_address_was_unknown_before(
    door: Door, make_link: MakeLink
) -> None:
    assert (await door.get("/s")).status == 404

    await make(make_link)(slug="s")

    await _eventually(door, "/s", 302)


async def test_other_domains_have_links_of_their_own(door: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s", url="https://main.example/")
    await make(make_link)(slug="s", domain="go.example", url="https://go.target/")

    assert (await door.get("/s", host="go.example:443")).location == "https://go.target/"
    assert (await door.get("/s", host="evil.example")).location == "https://main.example/"


async def test_rules_choose_the_target_and_are_recorded(door: Door, make_link: MakeLink) -> None:
    rules = [{"name": "apple", "when": {"os": ["iOS"]}, "url": "https://ios.example"}]
    link = await make(make_link)(slug="s", rules=rules)

    assert (await door.get("/s", user_agent=IPHONE)).location == "https://ios.example/"
    assert (await door.get("/s", user_agent=CHROME)).location == "https://example.com/"
    assert [click.rule for click in await clicks_of(door, link)] == ["apple", ""]


async def test_a_limit_holds_exactly_under_concurrency(door: Door, make_link: MakeLink) -> None:
    link = await make(make_link)(slug="s", max_clicks=10)

    answers = await asyncio.gather(*(door.get("/s") for _ in range(40)))

    assert sorted(answer.status for answer in answers) == [302] * 10 + [410] * 30
    assert len(await clicks_of(door, link)) == 10


async def test_looking_does_not_go_round_a_limit(door: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s", max_clicks=1)

    answer = await door.request("HEAD", "/s")

    assert "location" not in answer.headers


async def test_a_used_up_link_is_gone_for_those_who_only_look_too(
    door: Door, make_link: MakeLink
) -> None:
    await make(make_link)(slug="s", max_clicks=1)
    looks = [("HEAD", "/s", {}), ("GET", "/s", {"purpose": "prefetch"}), ("GET", "/s+", {})]
    assert [(await door.request(m, p, **h)).status for m, p, h in looks] == [200] * 3
    assert (await door.get("/s")).status == 302
    assert [(await door.request(m, p, **h)).status for m, p, h in looks] == [410] * 3


async def test_a_raised_limit_opens_the_link_again(
    door: Door, make_link: MakeLink, alice: Any
) -> None:
    link = await make(make_link)(slug="s", max_clicks=1)
    assert [(await door.get("/s")).status for _ in range(2)] == [302, 410]

    await make(update_link)(link=link, changed_by=alice, max_clicks=2)

    await _eventually(door, "/s", 302)
    assert (await door.get("/s")).status == 410


async def test_too_many_clicks_a_minute_are_asked_to_wait(door: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s", max_clicks_per_minute=2)

    answers = [await door.get("/s") for _ in range(3)]

    assert [answer.status for answer in answers] == [302, 302, 429]
    assert answers[-1].code == "link_too_many_clicks"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


async def test_a_password_is_asked_for_and_counted_only_when_right(
    door: Door, make_link: MakeLink
) -> None:
    link = await make(make_link)(slug="s", password="öffne dich")

    asked = await door.get("/s", accept="text/html")
    wrong = await door.request("POST", "/s", b"password=x", accept="text/html")
    right = await door.request("POST", "/s", "password=öffne+dich".encode())

    assert (asked.status, b'name="password"' in asked.body) == (401, True)
    assert (wrong.status, b"not the password" in wrong.body) == (403, True)
    assert (right.status, right.location) == (303, "https://example.com/")
    # Kept, it would let the next one at this browser pass without the password.
    assert right.headers["cache-control"] == "private, no-store"
    assert len(await clicks_of(door, link)) == 1


async def test_the_password_may_come_as_json(door: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s", password="sesame")

    assert (await door.get("/s")).code == "link_password_required"
    assert (await door.request("POST", "/s", b'{"password": 5}')).code == "link_password_wrong"
    assert (await door.request("POST", "/s", b'{"password": "sesame"}')).status == 303


async def test_guessing_passwords_is_bounded(door: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s", password="sesame")

    answers = [await door.request("POST", "/s", b"password=x") for _ in range(11)]

    assert {answer.status for answer in answers[:10]} == {403}
    assert (answers[10].status, answers[10].code) == (429, "too_many_attempts")


async def test_a_protected_target_is_not_in_the_preview(door: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s", password="sesame", url="https://secret.example/")

    for accept in ("text/html", "application/json"):
        assert b"secret.example" not in (await door.get("/s+", accept=accept)).body


async def test_a_preview_tells_nothing_that_opening_would_not(
    door: Door, make_link: MakeLink
) -> None:
    future = timezone.now() + timedelta(days=1)
    await make(make_link)(slug="limited", max_clicks=3, url="https://secret.example/")
    await make(make_link)(slug="closed", starts_at=future, url="https://secret.example/")

    assert b"secret.example" not in (await door.get("/limited+")).body
    prefetch = await door.get("/limited", sec_purpose="prefetch")
    assert b"secret.example" not in prefetch.body
    assert (await door.get("/closed+")).code == "link_not_started"


async def test_a_crowd_of_parameters_is_cut_and_not_an_error(
    door: Door, make_link: MakeLink
) -> None:
    await make(make_link)(slug="s", forward_query=True)

    answer = await door.get("/s?" + "&".join(f"a{number}=1" for number in range(500)))

    assert answer.status == 302
    assert answer.location.endswith("a99=1")


async def test_a_huge_form_and_an_odd_method_are_refused(door: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s", password="sesame")

    assert (await door.request("POST", "/s", b"x" * 5000)).code == "request_too_large"
    answer = await door.request("PUT", "/s")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_one_visitor_counts_once_a_day_and_nobodys_address_is_kept(
    door: Door, make_link: MakeLink
) -> None:
    link = await make(make_link)(slug="s")

    for address in ("198.51.100.7", "198.51.100.7", "198.51.100.8"):
        await door.get("/s", x_forwarded_for=address)

    visitors = {bytes(click.visitor) for click in await clicks_of(door, link)}
    assert len(visitors) == 2
    assert not any(b"198.51" in value for value in durable().xrange("rallypoint:clicks"))


async def test_unknown_addresses_are_counted_for_operators(door: Door) -> None:
    from links.models import OrphanSlug

    for _ in range(3):
        await door.get("/typo")
    await door.runtime.journal.flush()
    await make(drain_once)(durable())

    orphan = await OrphanSlug.objects.aget()
    assert (orphan.slug, orphan.hits) == ("typo", 3)


async def _eventually(door: Door, path: str, status: int, location: str = "") -> None:
    """The news of a change comes by Redis, a moment after the commit."""
    async with asyncio.timeout(5):
        while True:
            answer = await door.get(path)
            if answer.status == status and answer.headers.get("location", "").startswith(location):
                return
            await asyncio.sleep(0.01)
