"""How far it is, for people who wait: one line of a terminal, written over; nothing elsewhere."""

import time
from typing import Protocol

_EVERY = 0.25


class Screen(Protocol):
    def isatty(self) -> bool: ...

    def write(self, text: str) -> object: ...

    def flush(self) -> object: ...


class Progress:
    def __init__(self, screen: Screen | None = None) -> None:
        self._screen = screen if screen is not None and screen.isatty() else None
        self._started = time.monotonic()
        self._next = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def tell(self, text: str) -> None:
        if self._screen is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            self._screen.write(f"\r\x1b[K{text}, {self.seconds:.0f} s")
            self._screen.flush()

    def end(self) -> None:
        if self._screen is not None:
            self._screen.write("\r\x1b[K")
            self._screen.flush()


def size(number: float) -> str:
    """Bytes as people read them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
