"""What tests ask of processes that are not theirs."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def is_running(pid: int) -> bool:
    """A zombie has ended; it only waits for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition: Callable[[], bool], *, within: float = 20) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Printing:
    """A process, and all it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.printed: list[str] = []

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line, from here on, that has it; pytest's time limit is ours."""
        for line in self.process.stdout or ():
            self.printed.append(line.rstrip("\n"))
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"it ended without {pattern!r}: {self.printed}")

    def pid_of(self, name: str) -> int:
        (pid,) = self.pids_of(name)
        return pid

    def pids_of(self, *names: str) -> list[int]:
        """Of programs started at once, whichever of them is up first."""
        pids: dict[str, int] = {}
        while len(pids) < len(names):
            name, pid = self.wait_for(rf"^({'|'.join(names)}) +\| up (\d+)$").groups()
            pids[name] = int(pid)
        return list(pids.values())

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        self.printed += self.process.communicate(timeout=20)[0].splitlines()
        return self.process.returncode
