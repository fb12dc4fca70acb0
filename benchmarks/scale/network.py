"""Machines that are none: a network namespace with an address, a group with a part of a core."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
# Short, so that a host which has used up its part answers again soon.
_PERIOD = 10_000  # microseconds
_SUBNET = "10.231.77"


def missing() -> str:
    """Why there can be no such machines, or ""."""
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    if not shutil.which("ip"):
        return "there is no `ip`"
    return "" if _controller() else "the cpu controller of cgroups is not ours to use"


def _controller() -> Path | None:
    """Where groups are made: of version 2, or of version 1."""
    if (_CGROUPS / "cgroup.controllers").exists():
        usable = "cpu" in (_CGROUPS / "cgroup.subtree_control").read_text().split()
        return _CGROUPS if usable else None
    version_1 = _CGROUPS / "cpu"
    return version_1 if (version_1 / "cpu.cfs_quota_us").exists() else None


@dataclass(frozen=True)
class Host:
    """Everything on it shares one part of a core, once it is limited."""

    name: str
    address: str
    group: Path

    def limit(self, core: float) -> None:
        """To this part of one, from now on."""
        quota = round(_PERIOD * core)
        if (self.group / "cpu.max").exists():
            (self.group / "cpu.max").write_text(f"{quota} {_PERIOD}")
        else:
            (self.group / "cpu.cfs_period_us").write_text(str(_PERIOD))
            (self.group / "cpu.cfs_quota_us").write_text(str(quota))

    def start(self, argv: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as said:
            return subprocess.Popen(
                self._inside(argv), env=env, stdout=said, stderr=said, preexec_fn=self._join(),  # noqa: PLW1509 - no thread runs yet
            )  # fmt: skip

    def run(self, argv: list[str], env: dict[str, str]) -> str:
        done = subprocess.run(
            self._inside(argv), env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=300,
            preexec_fn=self._join(),
        )  # fmt: skip
        return done.stdout

    def _inside(self, argv: list[str]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *argv]

    def _join(self) -> partial[int]:
        return partial((self.group / "cgroup.procs").write_text, "0")


class Network:
    """A bridge with an address for what has no limit, and hosts on it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bridge = f"rp{os.getpid()}"
        self.address = f"{_SUBNET}.1"
        _ip("link", "add", self._bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", self._bridge)
        _ip("addr", "add", f"{self.address}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")

    def host(self, name: str, number: int) -> Host:
        own = f"{self._bridge}{name}"
        group = self._stack.enter_context(_group(own))
        _ip("netns", "add", own)
        self._stack.callback(_ip, "netns", "del", own)
        outer, inner, address = f"{own}o", f"{own}i", f"{_SUBNET}.{number}"
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner)
        _ip("link", "set", outer, "master", self._bridge, "up")
        _ip("link", "set", inner, "netns", own)
        for words in (["addr", "add", f"{address}/24", "dev", inner], ["link", "set", inner, "up"],
                      ["link", "set", "lo", "up"]):  # fmt: skip
            _ip("-n", own, *words)
        return Host(own, address, group)


@contextmanager
def _group(name: str) -> Iterator[Path]:
    """What it may have is its own: what else runs on this machine comes after it."""
    controller = _controller()
    assert controller
    group = controller / name
    group.mkdir()
    is_version_2 = (group / "cpu.weight").exists()
    shares, most = ("cpu.weight", "1000") if is_version_2 else ("cpu.shares", "10240")
    (group / shares).write_text(most)
    try:
        yield group
    finally:
        group.rmdir()


def _ip(*words: str) -> None:
    subprocess.run(["/usr/bin/env", "ip", *words], check=True, capture_output=True, timeout=30)
