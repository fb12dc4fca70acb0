"""What a program prints, line by line to the terminal, without ever waiting for it."""

import os
from typing import IO

from monitoring.supervisor.terminal import Lines, Terminal

_CHUNK = 65_536
_CHUNKS_A_TICK = 64  # a program that never pauses must not keep us from the others


class Output:
    def __init__(self, name: str, pipe: IO[bytes], terminal: Terminal) -> None:
        self._name, self._pipe, self._terminal = name, pipe, terminal
        self._lines = Lines()
        os.set_blocking(pipe.fileno(), False)

    @property
    def descriptor(self) -> int | None:
        """Until nobody writes to it any more."""
        return None if self._pipe.closed else self._pipe.fileno()

    def pass_on(self) -> None:
        for _ in range(_CHUNKS_A_TICK):
            if self.descriptor is None or not self._pass_on_chunk(self.descriptor):
                return

    def close(self) -> None:
        self.pass_on()
        for line in self._lines.end():
            self._terminal.line(self._name, line)
        self._pipe.close()

    def _pass_on_chunk(self, descriptor: int) -> bool:
        """Whether there was anything."""
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        for line in self._lines.feed(chunk):
            self._terminal.line(self._name, line)
        if not chunk:
            self._pipe.close()
        return bool(chunk)
