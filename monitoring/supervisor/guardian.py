"""Who cleans up when the supervisor itself is killed with -9.

The kernel tells a supervisor's children of its death, but not their children, and not on every
system. This shell holds the reading end of a pipe: its end is the supervisor's end.
"""

import subprocess
from collections.abc import Iterable

# Each line is the process groups that run now; the last one read is what must go.
_SCRIPT = """
trap '' INT TERM HUP
while read -r line; do groups=$line; done
each() { for group in $groups; do kill -s "$1" -- "-$group" 2>/dev/null && left=yes; done; }
each TERM
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  left=; each 0; [ "$left" ] || exit 0; sleep 0.5
done
each KILL
"""


class Guardian:
    def __init__(self) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # a signal to the terminal's group must not reach it
            text=True,
        )

    def watch(self, groups: Iterable[int]) -> None:
        if self._shell.stdin and self._shell.poll() is None:
            self._shell.stdin.write(" ".join(map(str, groups)) + "\n")
            self._shell.stdin.flush()

    def dismiss(self) -> None:
        self.watch([])
        if self._shell.stdin:
            self._shell.stdin.close()
        self._shell.wait()
