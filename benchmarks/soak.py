"""Hours in small: at four fifths of what the machine can answer, memory, file descriptors and
connections must not grow.

They are read ten times, of every web worker; the first third of the time, in which caches fill, is
not judged.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.servers import Server, rallypoint_on_all_cores
from benchmarks.stores import Stores
from benchmarks.traffic.driver import Seen, crowd, mixed

_CONNECTIONS = 64
_SHARE = 0.8
_CAPACITY_SECONDS = 15.0
_MOST_GROWTH = 1.10
_KIB = 1024
_UNITS = {"memory": "MiB", "files": "", "sockets": ""}


class Sample(NamedTuple):
    """Of all web workers together: MiB that are theirs alone, open files and sockets."""

    memory: float
    files: int
    sockets: int


def run(stores: Stores, plan: Plan) -> Result:
    with stores.new("soak") as store, stores.on_all_cores():
        kinds = mixed(store, players=1_000)
        with rallypoint_on_all_cores(store, RATE_LIMITS="off") as server:
            ask = partial(crowd, server.url, kinds, connections=_CONNECTIONS)
            rate = ask(rate=None, seconds=_CAPACITY_SECONDS).rate
            say(f"soak: {rate:,.0f}/s answered at most; {plan.soaked:g} minutes at {_SHARE:.0%}")
            with ThreadPoolExecutor(1) as one:
                load = one.submit(ask, rate=rate * _SHARE, seconds=plan.soaked * 60)
                samples = list(_watch(server, load, every=max(1.0, plan.soaked * 6)))
            return _judged(samples, load.result(), plan.soaked, rate)


def _watch(server: Server, load: "Future[Seen]", *, every: float) -> Iterator[Sample]:
    while not wait([load], timeout=every).done:
        sample = _sample(server.pid)
        say(f"soak: {sample.memory:,.0f} MiB, {sample.files} files, {sample.sockets} sockets")
        yield sample


def _sample(arbiter: int) -> Sample:
    workers = Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()
    found = [_of_process(pid) for pid in workers]
    return Sample(*(sum(column) for column in zip(*found, strict=True)))


def _of_process(pid: str) -> Sample:
    """Nothing of one that is gone: a worker may be replaced meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        targets = [_target(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return Sample(0.0, 0, 0)
    memory = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    sockets = sum(target.startswith("socket:") for target in targets)
    return Sample(memory / _KIB, len(targets), sockets)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # closed while we looked
        return ""


def _judged(samples: list[Sample], seen: Seen, minutes: float, rate: float) -> Result:
    """Against what it was when a third of the time had passed."""
    result = Result("soak", f"{minutes:g} minutes at {_SHARE:.0%} of {rate:,.0f}/s")
    begin, end = samples[len(samples) // 3], samples[-1]
    for name, unit in _UNITS.items():
        result.sides.append(Side(name, unit, [float(getattr(one, name)) for one in samples]))
        growth = getattr(end, name) / max(1, getattr(begin, name))
        result.targets.append(Target(f"growth of {name}", growth, _MOST_GROWTH, at_least=False))
    errors = seen.count("error")
    result.targets.append(Target("errors", errors, 0, "", at_least=False))
    result.notes.append(f"{seen.count('good'):,} answered, {seen.count('shed')} shed")
    return result
