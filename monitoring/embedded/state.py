"""What a second terminal reads to find the servers that the first one started."""

import json
from dataclasses import dataclass
from pathlib import Path

from monitoring.embedded.secret_file import write_secret
from monitoring.embedded.server import Server, is_ours

_FILE = "embedded.json"


@dataclass(frozen=True)
class Urls:
    database_url: str
    redis_url: str


def discover(directory: Path | str) -> Urls | None:
    """The URLs of the servers running in `directory`; None when there are none alive."""
    try:
        state = json.loads((Path(directory) / _FILE).read_text(encoding="utf-8"))
        alive = all(is_ours(entry["pid"], entry["marker"]) for entry in state["servers"])
        return Urls(state["database_url"], state["redis_url"]) if alive else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_state(directory: Path, urls: Urls, servers: list[Server]) -> None:
    state = {
        "database_url": urls.database_url,
        "redis_url": urls.redis_url,
        "servers": [{"pid": server.pid, "marker": server.marker} for server in servers],
    }
    write_secret(directory / _FILE, json.dumps(state, indent=1))


def remove_state(directory: Path) -> None:
    (directory / _FILE).unlink(missing_ok=True)
