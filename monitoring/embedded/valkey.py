"""A private Valkey that keeps what it acknowledged: an append-only file, and no eviction."""

import secrets
import signal
import socket
from pathlib import Path

from monitoring.embedded.account import Account
from monitoring.embedded.binaries import find_valkey
from monitoring.embedded.secret_file import read_secret, write_secret
from monitoring.embedded.server import Server


class Valkey(Server):
    """It listens on loopback TCP, behind a password.

    A unix socket has three spellings for our clients (redis-py `unix://`, kombu `redis+socket://`,
    and databases as `?db=` or `?virtual_host=`); redis://host:port/0 is understood by all of them.
    """

    name = "valkey"
    stop_signals = ((signal.SIGTERM, 15), (signal.SIGKILL, 5))

    def __init__(self, directory: Path, account: Account, *, temporary: bool) -> None:
        super().__init__(directory, account, temporary=temporary)
        self._password_file = directory / "valkey.password"
        self._binary = find_valkey(account)

    @property
    def url(self) -> str:
        return f"redis://:{read_secret(self._password_file)}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)
        self.account.own(self.home)
        if not self._password_file.exists():
            write_secret(self._password_file, secrets.token_hex(24))

    def argv(self) -> list[str]:
        title = f"{{title}} {{listen-addr}} {self.marker}"
        return [str(self._binary), "-", "--proc-title-template", title]

    def stdin(self) -> bytes:
        """The configuration: on the command line, everybody could read the password."""
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {read_secret(self._password_file)}",
            "dir .",  # entered before the change of user, so it may lie in a closed directory
            "pidfile valkey.pid",
            "daemonize no",
            "appendonly yes",
            f"appendfsync {'no' if self.temporary else 'everysec'}",
            'save ""',
            "maxmemory-policy noeviction",
        ]
        return ("\n".join(lines) + "\n").encode()

    def is_ready(self) -> bool:
        """It answers -LOADING while it reads its file."""
        question = f"AUTH {read_secret(self._password_file)}\r\nPING\r\n".encode()
        try:
            # rule: network - the server that it has started, on loopback
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(question)
                answer = connection.makefile("rb")
                return [answer.readline(), answer.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False

    def recorded_pid(self) -> int | None:
        try:
            return int((self.home / "valkey.pid").read_text())
        except (OSError, ValueError):
            return None
