"""What time the product believes it is: a small library, loaded before all others, adds a step."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """Of all processes that have `env`; PostgreSQL and Redis keep theirs, as on other machines."""

    def __init__(self, directory: Path) -> None:
        self._step = directory / "clock-step"
        self.env: dict[str, str] = {}
        if can_step():
            library = directory / "clock.so"
            subprocess.run(
                ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"],
                check=True,
                timeout=60,
            )
            self._step.write_bytes(bytes(8))
            self.env = {"LD_PRELOAD": str(library), "CAMPAIGN_CLOCK": str(self._step)}

    def step(self, seconds: int) -> None:
        """To so many seconds from the right time, for everybody at once."""
        with self._step.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", seconds))


def can_step() -> bool:
    return sys.platform == "linux" and shutil.which("cc") is not None
