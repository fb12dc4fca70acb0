"""How many clicks a network may make, and what becomes of those beyond."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings

from links.clicks.drain import drain_once
from links.clicks.reconciliation import reconcile
from links.models import Click, ClickAllowance
from links.redirect.networks import NetworkGate
from monitoring.limits.refusals import REFUSED, limited_now
from monitoring.redis import durable
from tests.gate import Gate
from tests.links.conftest import Answer, Door, MakeLink, opened

make = sync_to_async
ADA, BOB = "203.0.113.9", "198.51.100.7"


@pytest.fixture
async def strict(transactional_db: None, tmp_path: Path) -> AsyncIterator[Door]:
    """Ten clicks a day."""
    async with opened(tmp_path, rate_by_network="10/1d", exempt_networks=["192.0.2.0/24"]) as one:
        yield one


async def visits(
    door: Door, times: int, address: str = ADA, path: str = "/s", method: str = "GET"
) -> list[Answer]:
    """All at once, through the proxy that is trusted."""
    asked = (door.request(method, path, x_forwarded_for=address) for _ in range(times))
    return list(await asyncio.gather(*asked))


def statuses(answers: list[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))


async def stored(door: Door) -> int:
    await door.runtime.journal.flush()
    while (drained := await make(drain_once)(durable())) and drained.entries:
        pass
    return await Click.objects.acount()


async def test_exactly_so_many_pass_and_only_they_are_clicks(
    strict: Door, make_link: MakeLink
) -> None:
    await make(make_link)(slug="s")
    together = await visits(strict, 7)
    over = await visits(strict, 25)
    assert statuses(together + over) == {302: 10, 429: 22}
    assert statuses(await visits(strict, 3, BOB)) == {302: 3}
    assert await stored(strict) == 13
    report = await make(reconcile)()
    assert (report.issued, report.stored, report.differences) == (13, 13, [])


async def test_who_is_over_is_told_how_long_and_what_the_rate_is(
    strict: Door, make_link: MakeLink
) -> None:
    await make(make_link)(slug="s")
    refused = (await visits(strict, 11))[-1]
    assert (refused.status, refused.code) == (429, "rate_limited")
    wait = refused.headers["retry-after"]
    assert 0 < int(wait) <= 86_400
    assert refused.headers["ratelimit-policy"] == '"redirect";q=10;w=86400'
    assert refused.headers["ratelimit"] == f'"redirect";r=0;t={wait}'
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_redirect_itself_says_nothing_of_rates(strict: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s")
    (sent_on,) = await visits(strict, 1)
    assert not any(name.startswith("ratelimit") for name in sent_on.headers)


async def test_a_person_gets_a_page(strict: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s")
    await visits(strict, 11)
    refused = await strict.get("/s", x_forwarded_for=ADA, accept="text/html")
    assert (refused.status, refused.headers["content-type"][:9]) == (429, "text/html")


async def test_a_household_of_ipv6_is_one_network(strict: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s")
    homes = [(await visits(strict, 1, f"2001:db8:1:2::{n}"))[0] for n in range(1, 12)]
    assert statuses(homes) == {302: 10, 429: 1}
    assert statuses(await visits(strict, 1, "2001:db8:1:3::1")) == {302: 1}


async def test_forging_an_address_changes_nothing(strict: Door, make_link: MakeLink) -> None:
    """What stands left of the address that the proxy has seen was said by the caller."""
    await make(make_link)(slug="s")
    answers = [(await visits(strict, 1, f"192.0.2.{n}, {ADA}"))[0] for n in range(11)]
    assert statuses(answers) == {302: 10, 429: 1}


async def test_an_exempt_network_is_not_counted(strict: Door, make_link: MakeLink) -> None:
    await make(make_link)(slug="s")
    assert statuses(await visits(strict, 30, "192.0.2.1")) == {302: 30}


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/unknown", "GET", 404), ("/s", "HEAD", 302), ("/s+", "GET", 200)],
)
async def test_looking_counts_with_the_next_batch(
    strict: Door, make_link: MakeLink, path: str, method: str, status: int
) -> None:
    await make(make_link)(slug="s")
    assert statuses(await visits(strict, 11, path=path, method=method)) == {status: 11}
    await strict.runtime.journal.flush()
    assert statuses(await visits(strict, 1)) == {429: 1}
    assert statuses(await visits(strict, 2, path=path, method=method)) == {429: 2}
    assert await stored(strict) == 0


async def test_a_limited_link_gives_nothing_away_that_is_not_a_click(
    strict: Door, make_link: MakeLink
) -> None:
    link = await make(make_link)(slug="s", max_clicks=100)
    answers = [(await visits(strict, 1))[0] for _ in range(20)]
    assert statuses(answers)[429] >= 9
    allowance = await ClickAllowance.objects.aget(link=link)
    assert allowance.admitted == await stored(strict) == statuses(answers)[302]


async def test_without_a_rate_nobody_is_refused(
    transactional_db: None, tmp_path: Path, make_link: MakeLink
) -> None:
    await make(make_link)(slug="s")
    async with opened(tmp_path) as door:
        assert statuses(await visits(door, 30)) == {302: 30}


async def test_two_processes_share_one_count(
    strict: Door, tmp_path: Path, make_link: MakeLink
) -> None:
    await make(make_link)(slug="s")
    async with opened(tmp_path / "second", rate_by_network="10/1d") as second:
        answers = await asyncio.gather(visits(strict, 15), visits(second, 15))
        assert statuses([*answers[0], *answers[1]]) == {302: 10, 429: 20}
        await second.runtime.journal.flush()
        assert await stored(strict) == 10


async def test_while_redis_is_away_each_process_has_its_part(
    transactional_db: None, tmp_path: Path, make_link: MakeLink
) -> None:
    await make(make_link)(slug="s")
    parts = urlsplit(settings.REDIS_URL)
    gate = Gate(str(parts.hostname), str(parts.port))
    login = f":{parts.password}@" if parts.password else ""
    url = f"redis://{login}127.0.0.1:{gate.port}{parts.path}"
    async with opened(tmp_path, redis_url=url, rate_by_network="10/1d", processes=2) as door:
        assert statuses(await visits(door, 1)) == {302: 1}
        gate.shut()
        # If this one is the first to meet the outage it is not counted: it may have been stored.
        assert statuses(await visits(door, 1)) == {302: 1}
        passed = statuses(await visits(door, 12))[302]
        assert passed in {4, 5}
        gate.open()
        async with asyncio.timeout(10):
            while not door.runtime._availability.up or door.runtime._spool.size():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert statuses(await visits(door, 2, BOB)) == {302: 2}
        assert await stored(door) == 1 + 1 + passed + 2
    gate.shut()


async def test_operators_see_a_refused_network_without_its_address(
    strict: Door, make_link: MakeLink
) -> None:
    await make(make_link)(slug="s")
    before = REFUSED.labels("redirect")._value.get()
    await visits(strict, 14)
    await strict.runtime._keep_house()
    (found,) = await make(limited_now)(durable())
    assert (found.tier, found.caller, found.times) == ("redirect", "203.0.113.0/24", 4)
    assert REFUSED.labels("redirect")._value.get() == before + 4


def test_of_a_batch_the_first_ones_pass_and_a_network_is_remembered() -> None:
    gate = NetworkGate("3/1d")
    callers = [ADA, BOB, ADA, ADA, "", ADA]
    tally = gate.tally(callers)
    assert tally
    assert tally.clicks == {ADA: 4, BOB: 1}
    waits = gate.judge(tally, [5, 1], callers)
    assert [bool(wait) for wait in waits] == [False, False, False, True, False, True]
    assert gate.wait_of(ADA) > 0
    assert gate.wait_of(BOB) == 0
    assert gate.judge(tally, [3, 1], callers) == []
