"""Every call with several keys that the tests really make is looked at: its keys are of one slot of
a cluster, or it is one of those that are known not to be (docs/decisions/0018)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis.asyncio import connection as asynchronous
from redis.connection import Connection, HiredisRespSerializer, PythonRespSerializer
from redis.crc import key_slot

# By the beginnings that their keys have, whole; each with what would be lost by two calls.
ACROSS_SLOTS: dict[frozenset[str], str] = {
    frozenset(
        {"rallypoint:clicks", "rallypoint:rl:"}
    ): "who is over her rate, and the entry, are one step",
    frozenset({"rallypoint:rl:"}): "all limits of a request are one round trip",
    frozenset({"rallypoint:tag:"}): "one question a turn of the loop, for all who wait",
    frozenset({"rallypoint:cache:"}): "many ids are one round trip",
}
_ALL_KEYS = frozenset({"MGET", "DEL", "UNLINK", "EXISTS", "TOUCH", "WATCH", "RENAME", "COPY"})
_SCRIPTS = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL"})
# Celery's own calls; its transport knows no cluster.
_NOT_OURS = ("rallypoint:celery:", "_kombu", "celery")


class Watch:
    def __init__(self) -> None:
        self.crossing: list[list[str]] = []

    def look(self, command: tuple[Any, ...]) -> None:
        self.judge(keys_of(command))

    def look_at_transaction(self, commands: list[tuple[Any, ...]]) -> None:
        """What stands between MULTI and EXEC happens at once, so it is one call."""
        if len(commands) > 2 and _text(commands[0][0]) == "MULTI":
            inside = [command for command in commands[1:-1] if len(command) > 1]
            self.judge([_text(command[1]) for command in inside])

    def judge(self, keys: list[str]) -> None:
        if len({key_slot(key.encode()) for key in keys}) > 1 and not is_known(keys):
            self.crossing.append(keys)


def keys_of(command: tuple[Any, ...]) -> list[str]:
    name = _text(command[0]).upper()
    if name in _SCRIPTS:
        return [_text(key) for key in command[3 : 3 + int(command[2])]]
    if name in _ALL_KEYS:
        return [_text(key) for key in command[1:]]
    if name in {"MSET", "MSETNX"}:
        return [_text(key) for key in command[1::2]]
    return []


def is_known(keys: Iterable[str]) -> bool:
    keys = list(keys)
    if all(key.startswith(_NOT_OURS) for key in keys):
        return True
    return any(
        all(key.startswith(tuple(beginnings)) for key in keys) for beginnings in ACROSS_SLOTS
    )


def _text(word: Any) -> str:
    return word.decode(errors="replace") if isinstance(word, bytes) else str(word)


@contextmanager
def watched() -> Iterator[Watch]:
    """Of all clients of redis-py in this process."""
    watch = Watch()
    with pytest.MonkeyPatch.context() as patch:
        for packer, method in (
            (HiredisRespSerializer, "pack"),
            (PythonRespSerializer, "pack"),
            (asynchronous.AbstractConnection, "pack_command"),
        ):
            patch.setattr(packer, method, _each(getattr(packer, method), watch))
        for connection in (Connection, asynchronous.AbstractConnection):
            patch.setattr(connection, "pack_commands", _all(connection.pack_commands, watch))
        yield watch


def _each(pack: Any, watch: Watch) -> Any:
    def packed(self: Any, *command: Any) -> Any:
        watch.look(command)
        return pack(self, *command)

    return packed


def _all(pack: Any, watch: Watch) -> Any:
    def packed(self: Any, commands: Any) -> Any:
        listed = list(commands)
        watch.look_at_transaction(listed)
        return pack(self, listed)

    return packed
