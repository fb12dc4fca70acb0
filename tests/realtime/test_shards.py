"""Rooms' messages over several Redis: each room has its own, and presence stays where it is."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings
from redis import Redis

from accounts.events import SIGN_INS
from config.connections import channel_host
from monitoring.embedded.account import servers_account
from monitoring.embedded.valkey import Valkey
from monitoring.redis import durable
from realtime.news import CHANNEL
from realtime.socket.frames import Frame, Frames
from realtime.socket.hub import Hub
from tests.realtime.test_hub import Stored, said, until

# The remainder says which.
FIRST, SECOND = 10, 11


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[int | None, str]] = []

    def hear(self, room: int, first: int | None, frames: Frame | Frames) -> None:
        del room
        self.heard += [(first, frame.data.decode()) for frame in frames.parts]


@pytest.fixture(scope="module")
def stores() -> Iterator[list[Valkey]]:
    with ExitStack() as stack:
        made = []
        for _ in range(2):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rp-")))
            home.chmod(0o711)  # the servers' user passes through
            made.append(Valkey(home, servers_account(home), temporary=True))
            stack.callback(made[-1].stop)
            made[-1].start()
        yield made


def client(store: Valkey) -> Redis:
    return Redis.from_url(store.url, socket_timeout=5)


def channels(redis: Redis) -> set[str]:
    return {name.decode() for name in redis.pubsub_channels(f"{CHANNEL}*")}  # type: ignore[union-attr]


def published(redis: Redis) -> int:
    stats: dict[str, dict[str, int]] = redis.info("commandstats")  # type: ignore[assignment]
    return stats.get("cmdstat_publish", {}).get("calls", 0)


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
async def hubs(stores: list[Valkey], stored: Stored) -> AsyncIterator[tuple[Hub, Hub]]:
    """Of two processes; `stored` is one room's."""
    urls = [store.url for store in stores]
    told: list[tuple[int, bytes]] = []
    made = [
        Hub(
            settings.REDIS_URL,
            channel_urls=urls,
            read=stored.read,
            newest=stored.newest,
            on_presence=lambda room, change: told.append((room, change)),
        )
        for _ in range(2)
    ]
    for hub in made:
        hub.told = told  # type: ignore[attr-defined]
        hub.start()
    await until(lambda: not any(hub.is_degraded for hub in made))
    yield made[0], made[1]
    for hub in made:
        await hub.stop()


async def test_each_room_is_heard_over_a_redis_of_its_own(
    hubs: tuple[Hub, Hub], stores: list[Valkey]
) -> None:
    here, there = Ear(), Ear()
    for room in (FIRST, SECOND):
        await hubs[0].enter(room, here)
        await hubs[1].enter(room, there)
    before = published(durable())
    assert [channels(client(store)) for store in stores] == [
        {f"{CHANNEL}{FIRST}"}, {f"{CHANNEL}{SECOND}"},
    ]  # fmt: skip
    for room in (FIRST, SECOND):
        await hubs[0].publish(room, 1, [said(f"of {room}")])
        await until(lambda: here.heard == there.heard)
    assert there.heard == [(1, f"of {FIRST}"), (1, f"of {SECOND}")]
    assert published(durable()) == before

    hubs[1].leave(FIRST, there)
    await hubs[1].let_go(FIRST)
    await hubs[0].tell(FIRST, said("typing"))
    await hubs[0].tell(SECOND, said("typing"))
    await until(lambda: len(there.heard) == 3)


async def test_who_comes_and_goes_is_told_by_the_redis_that_keeps_them(
    hubs: tuple[Hub, Hub],
) -> None:
    await hubs[0].enter(FIRST, Ear())
    durable().publish(f"{CHANNEL}{FIRST}", b'{"user":1}')
    told = hubs[0].told  # type: ignore[attr-defined]
    await until(lambda: told == [(FIRST, b'{"user":1}')])
    assert SIGN_INS.encode() in durable().pubsub_channels("rallypoint:*")  # type: ignore[operator]


async def test_a_redis_of_theirs_that_was_away_is_joined_again_and_nothing_is_missing(
    hubs: tuple[Hub, Hub], stores: list[Valkey], stored: Stored
) -> None:
    here, there = Ear(), Ear()
    await hubs[0].enter(SECOND, here)
    await hubs[1].enter(SECOND, there)
    stores[1].stop()
    await until(lambda: all(hub.is_degraded for hub in hubs))
    stored.number = 1
    await hubs[0].publish(SECOND, 1, [said("m1")])
    assert here.heard == [(1, "m1")]
    stores[1].start()
    await until(lambda: not any(hub.is_degraded for hub in hubs))
    await until(lambda: there.heard == [(1, "m1")])
    await hubs[1].publish(SECOND, 2, [said("m2")])
    await until(lambda: here.heard[-1] == (2, "m2"))


async def test_the_channel_layer_uses_all_of_them(stores: list[Valkey]) -> None:
    before = [published(client(store)) for store in stores]
    layer = RedisPubSubChannelLayer(hosts=[channel_host(store.url) for store in stores])
    for _ in range(32):
        name = await layer.new_channel()
        await layer.send(name, {"type": "hello"})
        assert await layer.receive(name) == {"type": "hello"}
    await layer.flush()
    after = [published(client(store)) for store in stores]
    assert all(now > then for now, then in zip(after, before, strict=True))
