"""What was looked at, and what came of it."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    OK = "ok"


class Finding(NamedTuple):
    """`fix` is one sentence; empty where there is nothing to mend."""

    level: Level
    name: str
    text: str
    fix: str = ""


Probe = Callable[[], Iterator[Finding]]


def judge(name: str, text: str, *, wrong: bool, fix: str, level: Level = Level.WARNING) -> Finding:
    """`level` is how bad it is when it is wrong."""
    return Finding(level, name, text, fix) if wrong else Finding(Level.OK, name, text)
