import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """What to run, and how it wants to be told to stop and to reload."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path = Path()
    # The signal that makes it replace its own workers; without one it is stopped and started.
    reload_signal: signal.Signals | None = None
    start_delay: float = 0
    # Descriptors of ours that it has too, under the same numbers.
    inherits: tuple[int, ...] = ()
    stop_seconds: float = 35  # a little more than gunicorn gives its own workers
