"""Starting the crowd, asking it for things, and what it comes to."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import PROJECT
from benchmarks.cast import make_players, make_rooms
from benchmarks.inside import call
from benchmarks.machine import SERVER_CORE, on_core
from benchmarks.servers import node_peer, stop
from benchmarks.statements import write_for_rooms
from benchmarks.stores import Store


class Crowd:
    """See benchmarks.rooms.crowd, whose methods are what it can be asked for."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise SystemExit(f"the clients ended while asked to {do}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def crowd(core: int | None) -> Iterator[Crowd]:
    """On that core, or on all of them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.rooms.crowd"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=on_core(core),  # noqa: PLW1509 - there is one thread
    )
    try:
        yield Crowd(process)
    finally:
        stop(process)


def make_cast(store: Store, *, people: int, small_rooms: int = 0) -> Path:
    """People, and rooms to go to; the file has the people's tokens."""
    tokens = store.var_dir / "tokens"
    call(store, make_players, players=people, tokens=str(tokens))
    call(store, make_rooms, small=small_rooms)
    return tokens


@contextmanager
def socket_io(store: Store, core: int | None = SERVER_CORE) -> Iterator[str]:
    statements = store.var_dir / "statements.json"
    call(store, write_for_rooms, path=str(statements))
    settings = {
        "DATABASE_URL": store.database_url,
        "DATABASE_POOL_MAX": "20",
        "STATEMENTS": str(statements),
    }
    with node_peer("rooms", core, **settings) as url:
        yield url
