"""`python -m benchmarks.soak --minutes 10`: hours in small. At four fifths of what the machine can
answer, memory, file descriptors and connections must not grow.

They are read once a minute, of every web worker, over the whole time; the first minutes, in which
caches fill, are not judged. Exit code 1 when something grew.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.__main__ import servers
from benchmarks.machine import say
from benchmarks.servers import Server, rallypoint_on_all_cores
from benchmarks.stores import Stores
from benchmarks.traffic.driver import Seen, crowd, mixed

_CONNECTIONS = 64
_SHARE = 0.8
_CAPACITY_SECONDS = 15.0
_MOST_GROWTH = 1.10
_KIB = 1024


class Sample(NamedTuple):
    """Of all web workers together: MiB that are theirs alone, open files and sockets."""

    memory: float
    files: int
    sockets: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes: float = parser.parse_args().minutes
    with servers() as (database_url, redis_url), Stores(database_url, redis_url) as stores:
        return _judge(*_soak(stores, minutes))


def _soak(stores: Stores, minutes: float) -> tuple[list[Sample], Seen]:
    with stores.new("soak") as store, stores.on_all_cores():
        kinds = mixed(store, players=1_000)
        with rallypoint_on_all_cores(store, RATE_LIMITS="off") as server:
            ask = partial(crowd, server.url, kinds, connections=_CONNECTIONS)
            rate = ask(rate=None, seconds=_CAPACITY_SECONDS).rate
            say(f"soak: {rate:,.0f}/s answered at most; {minutes:g} minutes at {_SHARE:.0%}")
            with ThreadPoolExecutor(1) as one:
                load = one.submit(ask, rate=rate * _SHARE, seconds=minutes * 60)
                samples = list(_watch(server, load, every=max(1.0, minutes * 6)))
            return samples, load.result()


def _watch(server: Server, load: "Future[Seen]", *, every: float) -> Iterator[Sample]:
    while not wait([load], timeout=every).done:
        sample = _sample(server.pid)
        say(f"soak: {sample.memory:,.0f} MiB, {sample.files} files, {sample.sockets} sockets")
        yield sample


def _sample(arbiter: int) -> Sample:
    workers = Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()
    memory, files, sockets = 0, 0, 0
    for pid in workers:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        memory += sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
        targets = [_target(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
        files += len(targets)
        sockets += sum(target.startswith("socket:") for target in targets)
    return Sample(memory / _KIB, files, sockets)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # closed while we looked
        return ""


def _judge(samples: list[Sample], seen: Seen) -> int:
    """Against what it was when a third of the time had passed."""
    begin, end = samples[len(samples) // 3], samples[-1]
    print(
        f"{seen.count('good'):,} answered, {seen.count('shed')} shed, {seen.count('error')} errors"
    )
    grown = []
    for name in Sample._fields:
        before, after = getattr(begin, name), getattr(end, name)
        ratio = after / before if before else 1.0
        verdict = "PASS" if ratio <= _MOST_GROWTH else "MISS"
        grown += [name] if verdict == "MISS" else []
        print(f"  {verdict}  {name:<8} {before:,.0f} -> {after:,.0f}  ({ratio:.2f} x)")
    return 1 if grown or seen.count("error") else 0


if __name__ == "__main__":
    sys.exit(main())
