"""The cast: Alice owns what a test is about, Bob is somebody else, Charlie is a stranger to both;
the operator is on the staff. Every test begins with an empty Redis."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.test import APIClient
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts.models import User
from links.clicks import partitions
from monitoring.breakers import registry
from monitoring.maintenance import notice
from monitoring.redis_clients import synchronous
from tests import emptying, slots
from tests.stack import Stack

_MARK = "rallypoint:tests"


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user(username="alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user(username="bob")


@pytest.fixture
def charlie(db: None) -> User:
    return User.objects.create_user(username="charlie")


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_user(username="operator", is_staff=True)


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """`api(alice)` is her browser session, `api()` nobody's."""

    def client(user: User | None = None) -> APIClient:
        made = APIClient()
        if user is not None:
            made.force_login(user)
        return made

    return client


@pytest.fixture(scope="session")
def long_form() -> bool:
    """`CHAOS=long make test ARGS=tests/chaos` does at full length what the suite does shortly."""
    return os.environ.get("CHAOS") == "long"


@pytest.fixture(scope="session", autouse=True)
def _static_root() -> None:
    """Where collectstatic would put files; whitenoise warns of each client that it is not there."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_looked_for_once() -> Iterator[None]:
    """And not by each client of Django's, for whom it takes longer than most requests."""
    look, known = WhiteNoiseMiddleware.add_files_from_finders, {}

    def look_once(self: WhiteNoiseMiddleware) -> None:
        if self.max_age not in known:
            look(self)
            known[self.max_age] = dict(self.files)
        self.files.update(known[self.max_age])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(scope="session")
def _test_redis() -> Iterator[list[Redis]]:
    """Only a Redis that is empty, or that a test run has left so, may be emptied."""
    clients = [synchronous(url) for url in (settings.REDIS_URL, settings.CACHE_URL)]
    try:
        if any(client.dbsize() and not client.exists(_MARK) for client in clients):
            pytest.exit("REDIS_URL and CACHE_URL must be empty databases: tests flush them.")
    except RedisConnectionError:
        yield []  # a test that needs Redis will say so itself
        return
    yield clients
    for client in clients:
        client.flushdb()
        client.set(_MARK, "may be emptied")
        client.close()


@pytest.fixture(scope="session", autouse=True)
def _emptied_by_rows() -> Iterator[None]:
    with emptying.by_rows():
        yield


@pytest.fixture(autouse=True)
def _empty_redis(_test_redis: list[Redis]) -> None:
    for client in _test_redis:
        client.flushdb()


@pytest.fixture(scope="session")
def _slots() -> Iterator[slots.Watch]:
    with slots.watched() as watch:
        yield watch


@pytest.fixture(autouse=True)
def _keys_of_a_call_are_of_one_slot(_slots: slots.Watch) -> Iterator[None]:
    yield
    crossing, _slots.crossing = _slots.crossing, []
    assert not crossing


@pytest.fixture(autouse=True)
def _partitions_are_forgotten() -> None:
    """A test's rollback takes its partitions away again."""
    partitions._known.clear()


@pytest.fixture(autouse=True)
def _closed_breakers() -> None:
    registry.reset_all()


@pytest.fixture(autouse=True)
def _no_maintenance() -> None:
    notice.forget()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The product as real processes, one for all tests of the group "stack" (and another one for
    "second stack", beside it): whoever breaks a part of it mends it again."""
    directory = tmp_path_factory.mktemp("stack")
    directory.chmod(0o711)  # the servers' user passes through
    with Stack(directory) as running:
        yield running
