"""Counting, its windows, and what happens while Redis is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import RequestFactory
from django_ratelimit import core
from django_ratelimit.core import get_usage
from hypothesis import given
from hypothesis import strategies as st

from monitoring.limits import cache, counting
from monitoring.limits.counting import Counter, Counters, MemoryCounters
from monitoring.limits.limits import Asked, Limits
from monitoring.limits.networks import is_exempt, masked, network_of
from monitoring.limits.rates import Rate, parse_rate, value_of, window_of
from monitoring.proxies import parse_networks
from monitoring.redis import evictable
from tests.gate import Gate
from tests.monitoring.processes import eventually

# Long enough that no test runs into the next window but by a chance of one in some thousands.
RATES = {"strict": "3/1d", "burst": "5/1h"}


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A loaded machine may answer late: that is no outage where the count is to be exact."""
    monkeypatch.setattr(counting, "TIMEOUT", 30)
    cache._counters.cache_clear()
    yield
    cache._counters.cache_clear()


@pytest.fixture
async def limits(patience: None) -> AsyncIterator[Limits]:
    made = Limits(settings.CACHE_URL, RATES)
    yield made
    await made.close()


async def passes(limits: Limits, tier: str, caller: str, by: int = 1) -> bool:
    (usage,) = await limits.count(Asked(tier, caller, by))
    assert usage
    return not usage.is_over


async def test_so_many_pass_and_no_more(limits: Limits) -> None:
    assert [await passes(limits, "strict", "ada") for _ in range(5)] == [True] * 3 + [False] * 2
    assert await passes(limits, "strict", "bob")


async def test_several_tiers_and_callers_are_one_call(limits: Limits) -> None:
    found = await limits.count(
        Asked("strict", "ada"), Asked("unheard-of", "ada"), Asked("burst", "ada", 4)
    )
    assert [usage and usage.used for usage in found] == [1, None, 4]
    asked = evictable().info("commandstats")["cmdstat_evalsha"]["calls"]
    await limits.count(Asked("strict", "ada"), Asked("burst", "bob"))
    assert evictable().info("commandstats")["cmdstat_evalsha"]["calls"] == asked + 1


async def test_looking_counts_nothing(limits: Limits) -> None:
    await limits.count(Asked("strict", "ada", 2))
    for _ in range(3):
        (usage,) = await limits.count(Asked("strict", "ada", 0))
        assert usage
        assert (usage.used, usage.remaining) == (2, 1)


async def test_counters_are_forgotten_after_their_window(limits: Limits) -> None:
    await limits.count(Asked("strict", "ada"))
    (key,) = evictable().keys("rallypoint:rl:*")
    assert 86_390 < evictable().ttl(key) <= 86_405
    assert b"ada" not in key


@given(
    caller=st.text(max_size=40),
    limit=st.integers(1, 10**6),
    seconds=st.integers(1, 100_000),
    now=st.integers(10**9, 2 * 10**9),
)
def test_a_window_is_django_ratelimits(caller: str, limit: int, seconds: int, now: int) -> None:
    rate = Rate("strict", limit, seconds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core.time, "time", lambda: now)
        assert window_of(rate, caller, now) == core._get_window(value_of(caller), seconds)


async def test_what_django_ratelimit_counts_is_the_same_count(limits: Limits) -> None:
    def by_thread() -> int:
        used = get_usage(
            RequestFactory().get("/"),
            group="strict",
            key=lambda *_: value_of("ada"),
            rate="3/1d",
            increment=True,
        )
        return int(used["count"])

    (first,) = await limits.count(Asked("strict", "ada"))
    assert first
    second = await asyncio.to_thread(by_thread)
    (third,) = await limits.count(Asked("strict", "ada"))
    assert third
    assert (first.used, second, third.used) == (1, 2, 3)


# --- Redis is away --------------------------------------------------------------------------------
@pytest.fixture
def gate() -> Iterator[tuple[Gate, str]]:
    parts = urlsplit(settings.CACHE_URL)
    gate = Gate(str(parts.hostname), str(parts.port or 6379))
    login = f"{parts.username or ''}:{parts.password}@" if parts.password else ""
    yield gate, f"redis://{login}127.0.0.1:{gate.port}{parts.path}"
    gate.shut()


@pytest.mark.parametrize("kind", ["gone", "frozen"])
async def test_without_redis_memory_counts_at_once_and_redis_again_by_itself(
    gate: tuple[Gate, str], kind: str
) -> None:
    door, url = gate
    limits = Limits(url, {"strict": "4/1d"}, processes=2)
    await limits.count(Asked("strict", "ada", 4))
    (door.shut if kind == "gone" else door.freeze)()
    began = time.monotonic()
    found = [await passes(limits, "strict", "ada") for _ in range(4)]
    assert time.monotonic() - began < 1
    assert found == [True, True, False, False]
    (door.open if kind == "gone" else door.thaw)()

    async def knows_redis() -> bool:
        (usage,) = await limits.count(Asked("strict", "bob", 0))
        counted = evictable().keys("rallypoint:rl:*")
        return bool(usage) and len(counted) == 2

    async with asyncio.timeout(5):
        while not await knows_redis():  # noqa: ASYNC110 - another server sets no event of ours
            await asyncio.sleep(0)
    assert not await passes(limits, "strict", "ada")
    await limits.close()


def test_threads_count_in_memory_too_and_come_back(gate: tuple[Gate, str]) -> None:
    door, url = gate
    counters = Counters(url, processes=2)
    one = Counter("rallypoint:rl:t", 60)
    assert counters.add([one]) == [1]
    door.shut()
    began = time.monotonic()
    assert [counters.add([one])[0] for _ in range(3)] == [1, 3, 5]
    assert time.monotonic() - began < 1
    door.open()
    assert eventually(lambda: counters.add([one._replace(by=0)]) == [1], within=5)


def test_memory_is_bounded_and_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.limits.counting.MOST_REMEMBERED", 3)
    memory = MemoryCounters(1)
    for key in "abcd":
        memory.add([Counter(key, 60)])
    assert memory.add([Counter(key, 60) for key in "bcd"]) == [2, 2, 2]
    assert memory.add([Counter("a", 60)]) == [1]


# --- Who is one caller ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "network", "shown"),
    [
        ("203.0.113.9", "203.0.113.9", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("", "unknown", "unknown"),
        ("nonsense", "unknown", "unknown"),
    ],
)
def test_a_network_is_one_caller_and_shown_wider(address: str, network: str, shown: str) -> None:
    assert network_of(address) == network
    assert masked(network) == shown


def test_people_and_keys_are_shown_as_they_are() -> None:
    assert [masked("user 17"), masked("key 4")] == ["user 17", "key 4"]


def test_exempt_networks() -> None:
    exempt = parse_networks(["10.0.0.0/8", "2001:db8::/32"])
    assert is_exempt("10.1.2.3", exempt)
    assert is_exempt("::ffff:10.1.2.3", exempt)
    assert not is_exempt("11.1.2.3", exempt)
    assert not is_exempt("", exempt)


@pytest.mark.parametrize("text", ["", "0/m", "5", "5/0m", "5/w", "-1/m", "5/m "])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no rate"):
        parse_rate("strict", text)
