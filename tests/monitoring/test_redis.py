"""A Redis that is away costs a caller little, and says so."""

import asyncio
import os
import time

import pytest
from django.test import override_settings
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from monitoring.redis import durable
from monitoring.redis_clients import asynchronous, synchronous


def test_the_durable_client_is_one_a_process() -> None:
    assert durable() is durable()
    durable().set("a", "b")
    assert durable().get("a") == b"b"


def test_a_forked_process_has_sockets_of_its_own() -> None:
    ours = durable()
    ours.ping()
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.write(writing, b"1" if durable() is not ours and durable().ping() else b"0")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 1) == b"1"


def test_it_follows_the_settings(unused_tcp_port: int) -> None:
    elsewhere = override_settings(REDIS_URL=f"redis://127.0.0.1:{unused_tcp_port}/0")
    with elsewhere, pytest.raises(RedisConnectionError):
        durable().ping()
    assert durable().ping()


def test_a_closed_port_costs_milliseconds(unused_tcp_port: int) -> None:
    client = synchronous(f"redis://127.0.0.1:{unused_tcp_port}/0")
    started = time.perf_counter()
    with pytest.raises(RedisConnectionError):
        client.ping()
    assert time.perf_counter() - started < 0.5  # redis-py left to itself takes seconds


def test_a_frozen_server_costs_the_stated_time_once() -> None:
    client = synchronous(os.environ["REDIS_URL"], timeout=0.2)
    started = time.perf_counter()
    with pytest.raises(RedisTimeoutError):
        client.blpop(["nothing-comes-here"], timeout=5)
    assert 0.2 <= time.perf_counter() - started < 1


async def test_the_asynchronous_client_fails_as_fast(unused_tcp_port: int) -> None:
    client = asynchronous(f"redis://127.0.0.1:{unused_tcp_port}/0")
    started = time.perf_counter()
    with pytest.raises(RedisConnectionError):
        await client.ping()
    assert time.perf_counter() - started < 0.5  # redis-py left to itself takes seconds
    await client.aclose()


async def test_a_crowd_waits_for_connections_and_is_no_outage() -> None:
    client = asynchronous(os.environ["REDIS_URL"], max_connections=2)
    assert all(await asyncio.gather(*(client.ping() for _ in range(40))))
    await client.aclose()
