"""Runs the processes of an instance, starts again what dies, and leaves nothing behind.

`python -m monitoring.supervisor` is what `manage.py up` becomes. Nothing here imports Django: the
watcher must not fall with what it watches, and needs a tenth of the memory.
"""

from monitoring.supervisor.program import Program
from monitoring.supervisor.supervisor import Supervisor
from monitoring.supervisor.terminal import Terminal

__all__ = ["Program", "Supervisor", "Terminal"]
