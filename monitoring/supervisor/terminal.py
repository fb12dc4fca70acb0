"""One stream of lines out of many programs: `web    | GET /ping 200`."""

import contextlib
import os
import sys
from itertools import cycle
from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34)  # cyan, yellow, magenta, green, blue
_RED, _BOLD = 31, 1


class Terminal:
    def __init__(self, stream: TextIO | None = None, *, width: int = 6) -> None:
        self._stream = stream or sys.stdout
        self._width = width
        self._colourful = self._stream.isatty() and "NO_COLOR" not in os.environ
        self._next_colour = cycle(_COLOURS)
        self._colours: dict[str, int] = {}
        self.is_lost = False

    def line(self, name: str, text: str) -> None:
        """A line that a program printed."""
        if name not in self._colours:
            self._colours[name] = next(self._next_colour)
        prefix = self._paint(f"{name:<{self._width}} |", self._colours[name])
        self._write(f"{prefix} {text}\n")

    def say(self, text: str) -> None:
        """Our own words."""
        self._write(self._paint(text, _BOLD) + "\n")

    def warn(self, text: str) -> None:
        self._write(self._paint(text, _RED) + "\n")

    def _paint(self, text: str, code: int) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colourful else text

    def _write(self, text: str) -> None:
        """A terminal that was closed must not end us half-way: the supervisor stops in order."""
        if self.is_lost:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self.is_lost = True
            # What is left in its buffer would fail once more, at exit.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


class Lines:
    """Whole lines out of the chunks of a pipe."""

    LONGEST = 65_536

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > self.LONGEST:
            whole, self._rest = [*whole, self._rest], b""
        return [_text(line) for line in whole]

    def end(self) -> list[str]:
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
