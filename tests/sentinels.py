"""A Valkey with a replica and three sentinels that watch both, on loopback."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from redis import Redis
from redis.exceptions import RedisError

from monitoring.embedded.account import servers_account
from monitoring.embedded.secret_file import read_secret, write_secret
from monitoring.embedded.server import Server
from monitoring.embedded.valkey import Valkey
from tests.gate import Gate
from tests.stack import wait_until

SERVICE = "mymaster"
PASSWORD = "the-sentinels-own-password"
QUORUM = 2

Running = TypeVar("Running", bound=Server)


class Store(Valkey):
    """One of the two: `leader` is whom it follows at its start. Both know one password, for
    whoever loses the other's place has to follow it."""

    def __init__(self, directory: Path, password: str, leader: "Store | None" = None) -> None:
        directory.mkdir(mode=0o711)
        super().__init__(directory, servers_account(directory), temporary=False)
        write_secret(self._password_file, password)
        self._leader = leader

    def stdin(self) -> bytes:
        lines = [super().stdin().decode(), f"masterauth {read_secret(self._password_file)}"]
        # The next full copy begins at once, and who is cut off is noticed.
        lines += ["repl-diskless-sync-delay 0", "repl-timeout 5"]
        if self._leader:
            lines.append(f"replicaof 127.0.0.1 {self._leader.port}")
        return "\n".join([*lines, ""]).encode()

    def client(self) -> Redis:
        return Redis.from_url(self.url, socket_timeout=2, retry=None)

    @property
    def role(self) -> str:
        """ "master" or "slave"; empty while it cannot be asked."""
        try:
            with self.client() as client:
                return str(client.execute_command("ROLE")[0].decode())
        except (OSError, RedisError):
            return ""


class Sentinel(Valkey):
    """It writes down what it learns, in the file that it was started with."""

    name = "sentinel"

    def __init__(self, directory: Path, watched: Store) -> None:
        directory.mkdir(mode=0o711)
        super().__init__(directory, servers_account(directory), temporary=True)
        write_secret(self._password_file, PASSWORD)
        self._watched = watched
        self._file = self.home / "sentinel.conf"

    def argv(self) -> list[str]:
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"dir {self.home}",
            f"pidfile {self.home}/valkey.pid",
            f"requirepass {PASSWORD}",
            f"sentinel sentinel-pass {PASSWORD}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {self._watched.port} {QUORUM}",
            f"sentinel auth-pass {SERVICE} {read_secret(self._watched._password_file)}",
            f"sentinel down-after-milliseconds {SERVICE} 500",
            f"sentinel failover-timeout {SERVICE} 2000",
        ]
        self._file.write_text("\n".join([*lines, ""]))
        self.account.own(self._file)
        return [str(self._binary), str(self._file), "--sentinel"]

    def stdin(self) -> bytes:
        return b""


class Watched:
    """The five of them. `url` is for REDIS_URL."""

    def __init__(self, stores: list[Store], sentinels: list[Sentinel], password: str) -> None:
        self.stores, self.sentinels, self._password = stores, sentinels, password
        self._gate: Gate | None = None

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        own = f"sentinel_password={PASSWORD}"
        return f"redis+sentinel://:{self._password}@{hosts}/{SERVICE}/0?{own}"

    @property
    def master(self) -> Store:
        return next(store for store in self.stores if store.role == "master")

    @property
    def replica(self) -> Store:
        return next(store for store in self.stores if store.role == "slave")

    def is_whole(self) -> bool:
        """One follows the other, and every sentinel knows all of them."""
        if sorted(store.role for store in self.stores) != ["master", "slave"]:
            return False
        with self.master.client() as client:
            if int(client.info("replication")["connected_slaves"]) != 1:
                return False
        return all(self._knows_all(sentinel) for sentinel in self.sentinels)

    def _knows_all(self, sentinel: Sentinel) -> bool:
        with Redis(port=sentinel.port, password=PASSWORD, socket_timeout=2, retry=None) as asked:
            seen = asked.execute_command("SENTINEL MASTER", SERVICE)
        others = len(self.sentinels) - 1
        return (int(seen["num-other-sentinels"]), int(seen["num-slaves"])) == (others, 1)

    @contextmanager
    def far_replica(self, seconds: float) -> Iterator[None]:
        """What the master writes arrives so much later, and what is on its way is lost with the
        master. Sentinels mend it after eight seconds: it follows somebody whom they do not know."""
        gate = self._gate = Gate("127.0.0.1", str(self.master.port))
        gate.delay = seconds
        with self.replica.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", gate.port)
            wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        try:
            yield
        finally:
            gate.shut()

    @contextmanager
    def failed_over(self) -> Iterator[Store]:
        """The master is killed, the other one takes its place; the killed one comes back as a
        replica when the block ends."""
        killed = self.master
        if self._gate:
            self._gate.shut()
        end(killed)
        other = next(store for store in self.stores if store is not killed)
        wait_until(lambda: other.role == "master", seconds=30)
        try:
            yield other
        finally:
            killed.start()
            wait_until(self.is_whole, seconds=60)


def end(server: Server) -> None:
    assert server._process
    server._process.send_signal(signal.SIGKILL)
    server._process.wait()


@contextmanager
def watched(*, sentinels: int = 3) -> Iterator[Watched]:
    home = Path(tempfile.mkdtemp(prefix="rp-"))
    home.chmod(0o711)  # the servers' user passes through
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        password = "the-stores-own-password"
        leader = _run(Store(home / "one", password), stack)
        follower = _run(Store(home / "two", password, leader), stack)
        watching = [
            _run(Sentinel(home / f"sentinel{number}", leader), stack) for number in range(sentinels)
        ]
        made = Watched([leader, follower], watching, password)
        wait_until(made.is_whole, seconds=30)
        yield made


def _run(server: Running, stack: ExitStack) -> Running:
    stack.callback(server.stop)
    server.start()
    return server
