"""Who breaks things, by a seeded plan."""

import os
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from tests.chaos.campaign import faults
from tests.chaos.campaign.clock import can_step
from tests.chaos.campaign.faults import Fault
from tests.chaos.campaign.field import Field

# By the part that is broken: of faults that overlap, no two break the same.
_BY_PART: Mapping[str, tuple[Fault, ...]] = {
    "web": (faults.kill_web_worker, faults.kill_arbiter, faults.freeze_web_worker, faults.reload),
    "celery": (faults.kill_celery, faults.freeze_celery),
    "beat": (faults.kill_beat,),
    "redis": (faults.kill_redis, faults.freeze_redis),
    "postgresql": (
        faults.kill_postgresql,
        faults.kill_backend,
        faults.stop_postgresql_at_once,
        faults.freeze_postgresql,
        faults.freeze_backends,
    ),
    "network": (
        faults.slow_network,
        faults.narrow_network,
        faults.reset_connections,
        faults.cut_connections,
        faults.half_open_connections,
        faults.silent_network,
        faults.refused_connections,
        faults.full_disk,
    ),
    "clock": (faults.step_clock,),
}


def _named(fault: Fault) -> str:
    return fault.__name__.replace("_", "-")


FAULTS = {_named(fault): fault for some in _BY_PART.values() for fault in some}
PARTS = {_named(fault): part for part, some in _BY_PART.items() for fault in some}
KILLS = [name for name in FAULTS if name.startswith("kill-")]
# Over when they have been done; what comes of them takes its time.
_INSTANT = {
    *(name for name in KILLS if name not in {"kill-redis", "kill-postgresql"}),
    "reload",
    "reset-connections",
    "cut-connections",
}
# Clicks may be lost then, and only then, when they are counted as such.
LOSES = "full-disk"


def possible() -> list[str]:
    """On this machine: mounting takes root, and stepping the clock a C compiler."""
    impossible = {LOSES} if os.geteuid() else set()
    return [
        name for name in FAULTS if name not in impossible and (name != "step-clock" or can_step())
    ]


class Planned(NamedTuple):
    name: str
    seconds: float
    seed: float


def plan(seed: int, many: int, names: list[str], *, at_once: int = 1) -> list[list[Planned]]:
    """The same for the same seed: each fault in turn, in an order of its own each round; so many
    `at_once` as can be."""
    chance = random.Random(seed)
    queue: list[str] = []
    while len(queue) < many:
        queue += chance.sample(names, len(names))
    steps: list[list[Planned]] = []
    queue = queue[:many]
    while queue:
        step = [queue.pop(0)]
        for name in list(queue):
            if len(step) < at_once and PARTS[name] not in {PARTS[one] for one in step}:
                step.append(name)
                queue.remove(name)
        steps.append([_planned(name, chance) for name in step])
    return steps


def _planned(name: str, chance: random.Random) -> Planned:
    seconds, seed = 0.5 + 3.5 * chance.random(), chance.random()
    return Planned(name, 0.0 if name in _INSTANT else seconds, seed)


@contextmanager
def broken(step: list[Planned], field: Field) -> Iterator[list[dict[str, Any]]]:
    """Begins each fault a little after the one before, and lets all of them last; gives what was
    done. They are mended at the end of the block."""
    told: list[dict[str, Any]] = []
    with ExitStack() as mended:
        for fault in step:
            breaking = contextmanager(FAULTS[fault.name])(field, random.Random(fault.seed))
            what = mended.enter_context(breaking)
            told.append({"fault": fault.name, "what": what, "seconds": round(fault.seconds, 2)})
            time.sleep(fault.seconds / len(step))
        yield told
