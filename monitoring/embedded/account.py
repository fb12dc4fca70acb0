"""Which user runs the servers. PostgreSQL refuses to be root, and Valkey had better not be."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitoring.embedded.errors import EmbeddedServerError

# initdb wants a name for its uid, so these come from the user database. `nobody` exists everywhere;
# what it owns here is private to this instance and behind a password.
_CANDIDATES = ("postgres", "nobody", "daemon")


@dataclass(frozen=True)
class Account:
    """Who the servers run as: None and None for the user who calls."""

    uid: int | None = None
    gid: int | None = None

    @property
    def popen(self) -> dict[str, Any]:
        """The arguments of Popen that become this user."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, directory: Path) -> bool:
        """Whether every directory above is traversable: /root often is not."""
        return _succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)], self)


def servers_account(*homes: Path) -> Account:
    """The caller; for root, the owner of the data if there are any, else an unprivileged user."""
    if os.geteuid() != 0:
        return Account()
    for account in [*_owners(homes), *_known()]:
        if _succeeds(["/bin/sh", "-c", ":"], account):
            return account
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root, and root may become no other user here. "
        "Run this as an ordinary user, or set DATABASE_URL and REDIS_URL."
    )


def _owners(homes: Sequence[Path]) -> list[Account]:
    owned = [home.stat() for home in homes if home.exists()]
    return [Account(status.st_uid, status.st_gid) for status in owned if status.st_uid]


def _known() -> list[Account]:
    entries = {entry.pw_name: entry for entry in pwd.getpwall()}
    return [
        Account(entries[name].pw_uid, entries[name].pw_gid)
        for name in _CANDIDATES
        if name in entries and entries[name].pw_uid
    ]


def _succeeds(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(command, cwd="/", capture_output=True, check=False, **account.popen)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
