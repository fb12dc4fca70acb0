"""Where several worker processes keep their counters, so that any of them can answer for all.

For gunicorn's configuration, which reads no settings: `prepare` before anything imports
prometheus_client, `forget` in the hook `child_exit`.
"""

import os
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare(directory: Path | str) -> None:
    """Empties `directory` and makes it the place: counters begin at zero with each start."""
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    for file in path.glob("*.db"):
        file.unlink(missing_ok=True)
    os.environ[VARIABLE] = str(path)


def forget(pid: int) -> None:
    """A worker has ended: its gauges go, what it counted stays counted."""
    if VARIABLE not in os.environ:
        return
    from prometheus_client import multiprocess  # after `prepare`: it reads the variable on import

    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
