"""Who breaks things: each fault begins, lasts, and is mended, all by one seeded order."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.background import Background
from tests.chaos.campaign.gates import Gates
from tests.stack import Stack, wait_until


@dataclass(frozen=True)
class Field:
    """What there is to break. Every process reaches PostgreSQL and Redis through `gates`."""

    stack: Stack
    background: Background
    gates: Gates


Fault = Callable[[Field, random.Random], Iterator[None]]


class Planned(NamedTuple):
    name: str
    seconds: float
    seed: float


def _signal(pids: list[int], how: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, how)


# --- kill -9 --------------------------------------------------------------------------------------
def kill_web_worker(field: Field, chance: random.Random) -> Iterator[None]:
    victim = chance.choice(field.stack.web_workers())
    _signal([victim], signal.SIGKILL)
    yield
    wait_until(lambda: victim not in field.stack.web_workers())


def kill_celery(field: Field, chance: random.Random) -> Iterator[None]:
    """A process that works, or the one that hands out."""
    victims = wait_until(field.background.processes, seconds=30)
    _signal([chance.choice(victims)], signal.SIGKILL)
    yield


def kill_beat(field: Field, _: random.Random) -> Iterator[None]:
    _signal(wait_until(field.background.beat, seconds=30), signal.SIGKILL)
    yield


def kill_redis(field: Field, _: random.Random) -> Iterator[None]:
    with field.stack.killed(field.stack.valkey, whole=False):
        yield


def kill_postgresql(field: Field, _: random.Random) -> Iterator[None]:
    with field.stack.killed(field.stack.postgres, whole=False):
        yield


def kill_backend(field: Field, chance: random.Random) -> Iterator[None]:
    """One process of PostgreSQL: it takes all connections of all others with it, and recovers."""
    parent = field.stack.postgres.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    _signal([int(chance.choice(children))], signal.SIGKILL)
    yield


# --- SIGSTOP --------------------------------------------------------------------------------------
@contextmanager
def _stopped(pids: list[int]) -> Iterator[None]:
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def stop_celery(field: Field, _: random.Random) -> Iterator[None]:
    with _stopped(wait_until(field.background.processes, seconds=30)):
        yield


def freeze_redis(field: Field, _: random.Random) -> Iterator[None]:
    with field.stack.frozen(field.stack.valkey):
        yield


def freeze_postgresql(field: Field, _: random.Random) -> Iterator[None]:
    with field.stack.frozen(field.stack.postgres):
        yield


# --- The network ----------------------------------------------------------------------------------
def slow_network(field: Field, chance: random.Random) -> Iterator[None]:
    gate = field.gates.choose(chance)
    gate.delay = 0.02 + 0.1 * chance.random()
    try:
        yield
    finally:
        gate.delay = 0.0


def reset_connections(field: Field, chance: random.Random) -> Iterator[None]:
    field.gates.choose(chance).reset_connections()
    yield


def cut_connections(field: Field, chance: random.Random) -> Iterator[None]:
    field.gates.choose(chance).break_connections()
    yield


def silent_network(field: Field, chance: random.Random) -> Iterator[None]:
    """Packets are lost: connections stand, and nothing comes."""
    gate = field.gates.choose(chance)
    gate.freeze()
    try:
        yield
    finally:
        gate.thaw()


def refused_connections(field: Field, chance: random.Random) -> Iterator[None]:
    gate = field.gates.choose(chance)
    gate.shut()
    try:
        yield
    finally:
        gate.open()


# --- The machine ----------------------------------------------------------------------------------
def full_disk(field: Field, _: random.Random) -> Iterator[None]:
    """Where clicks would be put if Redis were away, which it is not just then."""
    spool = field.stack.directory / "var" / "spool"
    spool.mkdir(exist_ok=True)
    with ExitStack() as mended:
        mount = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=777", "full", str(spool)]
        subprocess.run(mount, check=True, timeout=20)
        mended.callback(subprocess.run, ["umount", "-l", str(spool)], check=True, timeout=20)
        (spool / "filler").write_bytes(b"x" * 4096)
        yield


def reload(field: Field, _: random.Random) -> Iterator[None]:
    field.stack.reload()
    yield


FAULTS: Mapping[str, Fault] = {
    one.__name__.replace("_", "-"): one
    for one in (
        kill_web_worker, kill_celery, kill_beat, kill_redis, kill_postgresql, kill_backend,
        stop_celery, freeze_redis, freeze_postgresql,
        slow_network, reset_connections, cut_connections, silent_network, refused_connections,
        reload,
    )
}  # fmt: skip
# As root, who may mount something.
AS_ROOT: Mapping[str, Fault] = {"full-disk": full_disk}
KILLS = [name for name in FAULTS if name.startswith("kill-")]


def plan(seed: int, many: int, names: list[str]) -> list[Planned]:
    """The same for the same seed: each fault in turn, in an order of its own each round."""
    chance = random.Random(seed)
    planned: list[Planned] = []
    while len(planned) < many:
        turn = chance.sample(names, len(names))
        planned += [Planned(name, 0.5 + 3.5 * chance.random(), chance.random()) for name in turn]
    return planned[:many]


def carry_out(fault: Planned, field: Field) -> None:
    """Begins it, lets it last, and mends it."""
    with contextmanager((FAULTS | AS_ROOT)[fault.name])(field, random.Random(fault.seed)):
        time.sleep(fault.seconds)
