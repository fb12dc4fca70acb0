"""PostgreSQL and Valkey that other machines reach."""

from pathlib import Path

from monitoring.embedded.account import servers_account
from monitoring.embedded.postgres import Postgres
from monitoring.embedded.valkey import Valkey


class SharedPostgres(Postgres):
    def __init__(self, directory: Path, address: str) -> None:
        super().__init__(directory, servers_account(directory), temporary=False)
        self._address = address

    def argv(self) -> list[str]:
        return [*super().argv(), "-c", f"listen_addresses={self._address}"]

    def prepare(self) -> None:
        super().prepare()
        file = self.home / "pg_hba.conf"
        file.write_text(file.read_text() + "host all all samenet scram-sha-256\n")

    @property
    def shared_url(self) -> str:
        login = self.url.partition("@")[0]
        return f"{login}@{self._address}:{self.port}/rallypoint"


class SharedValkey(Valkey):
    def __init__(self, directory: Path, address: str) -> None:
        super().__init__(directory, servers_account(directory), temporary=False)
        self._address = address

    def stdin(self) -> bytes:
        return (
            super().stdin().replace(b"bind 127.0.0.1", f"bind 127.0.0.1 {self._address}".encode())
        )

    @property
    def shared_url(self) -> str:
        return self.url.replace("127.0.0.1", self._address)
