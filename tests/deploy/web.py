"""What gunicorn is told, asked of a process of its own: whoever imports its configuration becomes a
web process, and so does everything that is started from there."""

import subprocess
import sys

from benchmarks import PROJECT


def graceful_timeout() -> int:
    """Seconds that a worker has for the requests in its hands."""
    asked = "from config.gunicorn import graceful_timeout; print(graceful_timeout)"
    argv = [sys.executable, "-c", asked]
    return int(subprocess.check_output(argv, cwd=PROJECT, text=True, timeout=60))
