"""What a program that died leaves running: its workers, in the middle of somebody's requests."""

import contextlib
import os
import signal

from monitoring.supervisor.output import Output

# gunicorn's workers take no new connections then, end their requests, and are gone in two seconds.
_LEFT_SECONDS = 10.0


class Remains:
    """They are told to go, and may end what they do; its successor is started meanwhile."""

    def __init__(self, group: int, output: Output, now: float) -> None:
        self.group, self._output = group, output
        self._until = now + _LEFT_SECONDS
        signal_group(group, signal.SIGTERM)

    def are_there(self, now: float) -> bool:
        self._output.pass_on()
        if now >= self._until:
            self.kill()
            return False
        return self._exist()

    def kill(self) -> None:
        signal_group(self.group, signal.SIGKILL)

    def close(self) -> None:
        self._output.close()

    def _exist(self) -> bool:
        try:
            os.killpg(self.group, 0)
        except (ProcessLookupError, PermissionError):  # macOS, of a group of zombies
            return False
        return True


def signal_group(group: int, number: signal.Signals) -> None:
    # macOS says PermissionError of a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
