"""Addresses of a Redis that sentinels watch, and connections that follow its master."""

from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import ConnectionError as RedisConnectionError

from config import connections
from monitoring.redis_clients import asynchronous, synchronous
from monitoring.redis_sentinel import Sentinels, broker, resolved
from tests.sentinels import Watched, watched
from tests.stack import wait_until

URL = "redis+sentinel://ada:p%40ss@h1,[::1]:26380/mymaster/3?sentinel_password=own"


@pytest.fixture(scope="module")
def stores() -> Iterator[Watched]:
    with watched() as running:
        yield running


def test_an_address_names_sentinels_a_master_and_a_database() -> None:
    address, options = resolved(URL)
    assert address == "redis://ada:p%40ss@mymaster/3"
    hosts = (("h1", 26379), ("::1", 26380))
    assert options["sentinels"] == Sentinels(hosts, "mymaster", "own", is_tls=False)
    assert resolved("redis://h/1") == ("redis://h/1", {})


def test_celery_is_told_in_its_own_words() -> None:
    address, options = broker(URL)
    assert address == ("sentinel://ada:p%40ss@h1:26379/3;sentinel://ada:p%40ss@[::1]:26380/3")
    assert options["master_name"] == "mymaster"
    assert options["sentinel_kwargs"]["password"] == "own"
    assert broker("redis://h/1") == ("redis://h/1", {})


def test_the_cache_is_by_default_the_next_database_of_the_same_master() -> None:
    assert connections.sibling_redis(URL) == URL.replace("/3?", "/4?")


@pytest.mark.parametrize("url", ["redis+sentinel:///mymaster/0", "redis+sentinel://:secret@h1/"])
def test_what_names_no_master_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL must be") as refused:
        connections.service_urls(tmp_path_factory.mktemp("var"))
    assert "secret" not in str(refused.value)


async def test_both_kinds_of_clients_find_the_master(stores: Watched) -> None:
    with synchronous(stores.url) as client:
        client.set("found", "yes")
    other = asynchronous(stores.url)
    assert await other.get("found") == b"yes"
    await other.aclose(close_connection_pool=True)


def test_a_sentinel_that_is_dead_is_passed_over(stores: Watched) -> None:
    url = stores.url.replace("@", "@127.0.0.1:1,")
    with synchronous(url) as client:
        assert client.ping()


def test_a_replica_is_not_taken_for_the_master(
    stores: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a sentinel may say that was cut off from the others."""
    place = ("127.0.0.1", stores.replica.port)
    monkeypatch.setattr(Sentinels, "find", lambda _: place)
    with synchronous(stores.url) as client, pytest.raises(RedisConnectionError, match="none any"):
        client.get("anything")


async def test_writing_to_a_master_that_was_demoted_ends_the_connection(stores: Watched) -> None:
    master, replica = stores.master, stores.replica
    with synchronous(stores.url) as client, master.client() as direct:
        other = asynchronous(stores.url)
        client.set("before", 1)
        await other.set("before", 1)
        direct.execute_command("REPLICAOF", "127.0.0.1", replica.port)
        with pytest.raises(RedisConnectionError, match="became a replica"):
            client.set("after", 1)
        with pytest.raises(RedisConnectionError, match="became a replica"):
            await other.set("after", 1)
        direct.execute_command("REPLICAOF", "NO", "ONE")
        wait_until(stores.is_whole, seconds=30)
        client.set("after", 1)
        await other.set("after", 1)
        await other.aclose(close_connection_pool=True)


def test_clients_follow_a_failover(stores: Watched) -> None:
    with synchronous(stores.url) as client:
        client.set("kept", "yes")
        assert client.wait(1, 1000) == 1
        with stores.failed_over():
            wait_until(lambda: _answers(client), seconds=10)
            assert client.get("kept") == b"yes"


def _answers(client: object) -> bool:
    try:
        return bool(client.ping())  # type: ignore[attr-defined]
    except RedisConnectionError:
        return False
