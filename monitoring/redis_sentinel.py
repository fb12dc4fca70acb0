"""A Redis whose master moves: `redis+sentinel://user:password@host:26379,host:26379/mymaster/0`.

Every connection asks the sentinels for the master when it is opened, and looks whether it is one.
So any pool and any client of redis-py will do, and what they have to know of a failover is what
they know of a restart: the connection breaks, and the next one is another. Imports no Django.
"""

from collections.abc import Awaitable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from redis import Connection, Redis, SSLConnection
from redis.asyncio import Connection as AsyncConnection
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import SSLConnection as AsyncSSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, RedisError

SCHEMES = frozenset({"redis+sentinel", "rediss+sentinel"})
_PORT = 26379
# Of each sentinel; one that is dead must not use up the time-out of who waits for the master.
_SECONDS = 0.25
_MASTER = "master"


class Sentinels(NamedTuple):
    """`service` is the master's name there. Sentinels have a password of their own, or none:
    `?sentinel_password=`."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    password: str
    is_tls: bool

    def find(self) -> tuple[str, int]:
        """Where the master is; the first sentinel that knows is believed."""
        for host, port in self.hosts:
            try:
                # rule: timeout - _options has them
                with Redis(host=host, port=port, **self._options()) as sentinel:
                    return self._read(sentinel.execute_command(*self._question()))
            except (OSError, RedisError):
                continue
        raise self._nobody()

    async def find_async(self) -> tuple[str, int]:
        for host, port in self.hosts:
            # rule: timeout - _options has them
            sentinel: Any = AsyncRedis(host=host, port=port, **self._options())
            try:
                return self._read(await sentinel.execute_command(*self._question()))
            except (OSError, RedisError):
                continue
            finally:
                await sentinel.aclose()
        raise self._nobody()

    def _question(self) -> tuple[str, str]:
        return "SENTINEL GET-MASTER-ADDR-BY-NAME", self.service

    def _options(self) -> dict[str, Any]:
        return {
            "password": self.password or None,
            "socket_timeout": _SECONDS,
            "socket_connect_timeout": _SECONDS,
            "ssl": self.is_tls,
            "retry": None,
        }

    def _read(self, answer: Any) -> tuple[str, int]:
        if not answer:
            raise RedisConnectionError("this sentinel knows no such master")
        host, port = answer
        return (host.decode() if isinstance(host, bytes) else str(host)), int(port)

    def _nobody(self) -> RedisConnectionError:
        return RedisConnectionError(f"no sentinel tells where {self.service!r} is")


def is_sentinel(url: str) -> bool:
    return urlsplit(url).scheme in SCHEMES


def resolved(url: str, *, asynchronous: bool = False) -> tuple[str, dict[str, Any]]:
    """(address, options) for any `from_url` of redis-py; of another address, itself and none."""
    if not is_sentinel(url):
        return url, {}
    sentinels, login, database = _parse(url)
    kinds: tuple[type, type] = (_MasterConnection, _MasterSSLConnection)
    if asynchronous:
        kinds = (_AsyncMasterConnection, _AsyncMasterSSLConnection)
    options = {"connection_class": kinds[sentinels.is_tls], "sentinels": sentinels}
    return f"redis://{login}{quote(sentinels.service)}/{database}", options


def broker(url: str) -> tuple[str, dict[str, Any]]:
    """(address, transport options) for kombu, which knows sentinels by a scheme of its own."""
    if not is_sentinel(url):
        return url, {}
    sentinels, login, database = _parse(url)
    places = (
        f"sentinel://{login}{_bracketed(host)}:{port}/{database}" for host, port in sentinels.hosts
    )
    options = sentinels._options()  # noqa: SLF001 - of this file
    del options["ssl"], options["retry"]
    return ";".join(places), {"master_name": sentinels.service, "sentinel_kwargs": options}


def with_database(url: str, number: int) -> str:
    """The same Redis, another logical database of it."""
    parts = urlsplit(url)
    return parts._replace(path=f"/{parts.path.split('/')[1]}/{number}").geturl()


def database_of(url: str) -> int:
    return _parse(url)[2]


def _parse(url: str) -> tuple[Sentinels, str, int]:
    """(sentinels, `user:password@` of the master, database); ValueError says what is wrong."""
    parts = urlsplit(url)
    login, _, places = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    hosts = tuple(_host(place) for place in places.split(",") if place)
    if not hosts or not service or not (database or "0").isdigit():
        raise ValueError(f"{parts.scheme}:// needs hosts, a name and a number: h1:26379,h2/name/0")
    own = dict(parse_qsl(parts.query)).get("sentinel_password", "")
    sentinels = Sentinels(hosts, unquote(service), own, parts.scheme.startswith("rediss"))
    return sentinels, f"{login}@" if login else "", int(database or 0)


def _host(place: str) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    return parts.hostname or "", parts.port or _PORT


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _refuse_others(role: Any) -> None:
    """A sentinel that was cut off from the others may not have heard of the new master."""
    name = role[0].decode() if isinstance(role[0], bytes) else role[0]
    if name != _MASTER:
        raise RedisConnectionError("the sentinels' master is none any more")


class _Master:
    """For threads. A master that was made a replica says so to who writes: that connection ends,
    and the next one asks the sentinels anew."""

    def __init__(self, *, sentinels: Sentinels, **options: Any) -> None:
        self._sentinels = sentinels
        super().__init__(**options)

    def _connect(self) -> Any:
        self.host, self.port = self._sentinels.find()
        return super()._connect()  # type: ignore[misc]

    def on_connect_check_health(self, *args: Any, **options: Any) -> None:
        super().on_connect_check_health(*args, **options)  # type: ignore[misc]
        self.send_command("ROLE", check_health=False)  # type: ignore[attr-defined]
        _refuse_others(super().read_response())  # type: ignore[misc]

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]
        except ReadOnlyError as error:
            self.disconnect()  # type: ignore[attr-defined]
            raise RedisConnectionError("the master became a replica") from error


class _AsyncMaster:
    """The same for the event loop."""

    def __init__(self, *, sentinels: Sentinels, **options: Any) -> None:
        self._sentinels = sentinels
        super().__init__(**options)

    async def _connect(self) -> None:
        self.host, self.port = await self._sentinels.find_async()
        await super()._connect()  # type: ignore[misc]

    async def on_connect_check_health(self, *args: Any, **options: Any) -> None:
        await super().on_connect_check_health(*args, **options)  # type: ignore[misc]
        await self.send_command("ROLE", check_health=False)  # type: ignore[attr-defined]
        _refuse_others(await super().read_response())  # type: ignore[misc]

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            answer: Awaitable[Any] = super().read_response(*args, **options)  # type: ignore[misc]
            return await answer
        except ReadOnlyError as error:
            await self.disconnect()  # type: ignore[attr-defined]
            raise RedisConnectionError("the master became a replica") from error


class _MasterConnection(_Master, Connection):
    pass


class _MasterSSLConnection(_Master, SSLConnection):
    pass


class _AsyncMasterConnection(_AsyncMaster, AsyncConnection):
    pass


class _AsyncMasterSSLConnection(_AsyncMaster, AsyncSSLConnection):
    pass
