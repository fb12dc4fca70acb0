"""The public door: the servers that are missing, in one directory, for as long as we live."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from monitoring.embedded.account import servers_account
from monitoring.embedded.errors import EmbeddedServerError
from monitoring.embedded.postgres import Postgres
from monitoring.embedded.server import Server
from monitoring.embedded.state import Urls, remove_state, write_state
from monitoring.embedded.valkey import Valkey


class EmbeddedServers:
    """A context manager that starts each server whose URL is not given, and stops it at its end.

    `temporary` gives up durability for speed; without a directory it makes one and removes it.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        temporary: bool = False,
        database_url: str = "",
        redis_url: str = "",
    ) -> None:
        if directory is None and not temporary:
            raise ValueError("only temporary servers can do without a directory")
        self.database_url = database_url
        self.redis_url = redis_url
        self._directory = directory
        self._temporary = temporary
        self._servers: list[Server] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self.database_url and self.redis_url:
            return self
        try:
            with ExitStack() as stack:
                self._start(stack)
                self._stack = stack.pop_all()
        except OSError as error:
            raise EmbeddedServerError(_sentence(error)) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def revive(self) -> list[str]:
        """Start again, under the same URL, what has died; the names of those."""
        dead = [server for server in self._servers if not server.is_alive()]
        for server in dead:
            server.start()
        if dead:
            self._publish(dead[0].directory)
        return [server.name for server in dead]

    def _start(self, stack: ExitStack) -> None:
        directory = stack.enter_context(_working_directory(self._directory))
        stack.enter_context(_sole_holder(directory))
        account = servers_account(directory / Postgres.name, directory / Valkey.name)
        stack.callback(remove_state, directory)
        if not self.database_url:
            postgres = Postgres(directory, account, temporary=self._temporary)
            self.database_url = self._run(postgres, stack)
        if not self.redis_url:
            self.redis_url = self._run(Valkey(directory, account, temporary=self._temporary), stack)
        self._publish(directory)

    def _run(self, server: Server, stack: ExitStack) -> str:
        stack.callback(server.stop)
        server.start()
        self._servers.append(server)
        return server.url

    def _publish(self, directory: Path) -> None:
        write_state(directory, Urls(self.database_url, self.redis_url), self._servers)


@contextmanager
def _working_directory(directory: Path | None) -> Iterator[Path]:
    if directory:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory.resolve()
        return
    made = Path(tempfile.mkdtemp(prefix="rallypoint-")).resolve()
    made.chmod(0o711)  # the servers' user passes through; what is inside is closed by itself
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _sole_holder(directory: Path) -> Iterator[None]:
    """Two of us on the same data would double the servers. A dead one's lock is gone with it."""
    descriptor = os.open(directory / "embedded.lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedServerError(
                f"Process {lock.read().strip() or 'unknown'} already runs the servers of "
                f"{directory}. Stop it first, or choose another directory with VAR_DIR."
            ) from None
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _sentence(error: OSError) -> str:
    place = f" {error.filename}" if error.filename else ""
    return f"The servers cannot use{place}: {error.strerror}. VAR_DIR chooses another directory."
