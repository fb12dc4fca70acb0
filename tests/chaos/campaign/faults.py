"""What can be broken, and how. Each begins, says what it did to whom, lasts until it is gone on
with, and is mended."""

import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.chaos.campaign.field import Field, send
from tests.gate import Gate
from tests.stack import wait_until

Fault = Callable[[Field, random.Random], Iterator[str]]


# --- kill -9; who is killed is started again by the supervisor ------------------------------------
def kill_web_worker(field: Field, chance: random.Random) -> Iterator[str]:
    yield _kill([chance.choice(wait_until(field.web.workers))])


def kill_arbiter(field: Field, _: random.Random) -> Iterator[str]:
    """The web server's parent; a supervisor ends its workers, which nobody would keep."""
    yield _kill(wait_until(field.web.arbiter))


def kill_celery(field: Field, chance: random.Random) -> Iterator[str]:
    """A process that works, or the one that hands out."""
    yield _kill([chance.choice(wait_until(field.background.processes, seconds=30))])


def kill_beat(field: Field, _: random.Random) -> Iterator[str]:
    yield _kill(wait_until(field.background.beat, seconds=30))


def kill_redis(field: Field, _: random.Random) -> Iterator[str]:
    with field.stack.killed(field.stack.valkey, whole=False):
        yield "Valkey"


def kill_postgresql(field: Field, _: random.Random) -> Iterator[str]:
    with field.stack.killed(field.stack.postgres, whole=False):
        yield "the first process"


def kill_backend(field: Field, chance: random.Random) -> Iterator[str]:
    """One process of PostgreSQL: it takes all connections of all others with it, and recovers."""
    yield _kill([chance.choice(_children(field.stack.postgres.pid))])


def stop_postgresql_at_once(field: Field, _: random.Random) -> Iterator[str]:
    """As `pg_ctl stop -m immediate` does: no checkpoint, so what is next recovers."""
    server = field.stack.postgres
    send(signal.SIGQUIT, [server.pid])
    wait_until(lambda: not server.is_alive())
    try:
        yield "immediate"
    finally:
        server.start()


# --- SIGSTOP --------------------------------------------------------------------------------------
def freeze_web_worker(field: Field, chance: random.Random) -> Iterator[str]:
    with _stopped([chance.choice(wait_until(field.web.workers))]) as told:
        yield told


def freeze_celery(field: Field, _: random.Random) -> Iterator[str]:
    with _stopped(wait_until(field.background.processes, seconds=30)) as told:
        yield told


def freeze_redis(field: Field, _: random.Random) -> Iterator[str]:
    with _stopped([field.stack.valkey.pid]) as told:
        yield told


def freeze_postgresql(field: Field, _: random.Random) -> Iterator[str]:
    parent = field.stack.postgres.pid
    with _stopped([parent, *_children(parent)]) as told:
        yield told


def freeze_backends(field: Field, chance: random.Random) -> Iterator[str]:
    """Some that serve clients, with whatever locks they hold."""
    serving = [
        pid
        for pid in _children(field.stack.postgres.pid)
        if b"rallypoint rallypoint" in _title(pid)
    ]
    with _stopped(chance.sample(serving, min(3, len(serving)))) as told:
        yield told


# --- The network ----------------------------------------------------------------------------------
def slow_network(field: Field, chance: random.Random) -> Iterator[str]:
    """Every answer comes later, each by another time."""
    name, gate = _choose(field, chance)
    gate.delay, gate.jitter = 0.02 + 0.06 * chance.random(), 0.06 * chance.random()
    try:
        yield f"{name}, {gate.delay * 1000:.0f} ms, and up to {gate.jitter * 1000:.0f} ms"
    finally:
        gate.delay = gate.jitter = 0.0


def narrow_network(field: Field, chance: random.Random) -> Iterator[str]:
    name, gate = _choose(field, chance)
    gate.bandwidth = chance.randrange(20_000, 200_000)
    try:
        yield f"{name}, {gate.bandwidth // 1000} kB/s a connection"
    finally:
        gate.bandwidth = 0


def reset_connections(field: Field, chance: random.Random) -> Iterator[str]:
    name, gate = _choose(field, chance)
    gate.reset_connections()
    yield name


def cut_connections(field: Field, chance: random.Random) -> Iterator[str]:
    name, gate = _choose(field, chance)
    gate.break_connections()
    yield name


def half_open_connections(field: Field, chance: random.Random) -> Iterator[str]:
    """The server has forgotten them, and the clients do not hear of it; new ones are good."""
    name, gate = _choose(field, chance)
    gate.forget_connections()
    try:
        yield name
    finally:
        gate.remember()


def silent_network(field: Field, chance: random.Random) -> Iterator[str]:
    """Packets are lost: connections stand, and nothing comes."""
    name, gate = _choose(field, chance)
    gate.freeze()
    try:
        yield name
    finally:
        gate.thaw()


def refused_connections(field: Field, chance: random.Random) -> Iterator[str]:
    name, gate = _choose(field, chance)
    gate.shut()
    try:
        yield name
    finally:
        gate.open()


# --- The machine ----------------------------------------------------------------------------------
def full_disk(field: Field, _: random.Random) -> Iterator[str]:
    """Where clicks are put while Redis is away, and it is. These are lost, and have to be told of
    as such: the visitors are sent on all the same."""
    spool = field.stack.directory / "var" / "spool"
    spool.mkdir(exist_ok=True)
    with ExitStack() as mended:
        mount = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=777", "full", str(spool)]
        subprocess.run(mount, check=True, timeout=20)
        mended.callback(subprocess.run, ["umount", "-l", str(spool)], check=True, timeout=20)
        (spool / "filler").write_bytes(b"x" * 4096)
        field.gates.redis.shut()
        mended.callback(field.gates.redis.open)
        yield "spool, and Redis away"


def step_clock(field: Field, chance: random.Random) -> Iterator[str]:
    """Forwards or back, and right again: once each way, by up to two minutes."""
    seconds = chance.choice((-1, 1)) * chance.randrange(5, 120)
    field.clock.step(seconds)
    try:
        yield f"{seconds:+} s"
    finally:
        field.clock.step(0)


def reload(field: Field, _: random.Random) -> Iterator[str]:
    """Every web worker is replaced."""
    field.web.reload()
    yield "SIGHUP"


def _kill(pids: list[int]) -> str:
    send(signal.SIGKILL, pids)
    wait_until(lambda: not any(map(_is_there, pids)))
    return f"{len(pids)} process" if len(pids) == 1 else f"{len(pids)} processes"


@contextmanager
def _stopped(pids: list[int]) -> Iterator[str]:
    send(signal.SIGSTOP, pids)
    try:
        yield f"{len(pids)} process" if len(pids) == 1 else f"{len(pids)} processes"
    finally:
        send(signal.SIGCONT, pids)


def _is_there(pid: int) -> bool:
    """A zombie is not."""
    return bool(_title(pid))


def _title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _choose(field: Field, chance: random.Random) -> tuple[str, Gate]:
    return chance.choice((("PostgreSQL", field.gates.postgresql), ("Redis", field.gates.redis)))
