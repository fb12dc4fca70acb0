"""`python -m benchmarks [NAME ...]`: exit code 1 when a target is missed.

Uses the servers of DATABASE_URL and REDIS_URL; what is not given is started, in a directory of its
own inside var/, as durable as a real instance's.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from benchmarks import (
    PROJECT,
    cached,
    completions,
    drain,
    drains,
    evidence,
    faults,
    interaction,
    layers,
    leaderboard,
    overload,
    pages,
    quota,
    recovery,
    redirect,
    scale,
    service,
    soak,
    start,
    stats,
)
from benchmarks.machine import load_average, say, versions
from benchmarks.plan import SHORT, Plan
from benchmarks.results import Result, page, read_json, show, write_json
from benchmarks.rooms import connections, fanout, messages
from benchmarks.servers import NotStartedError
from benchmarks.stores import Stores
from monitoring.embedded import EmbeddedServers

BENCHMARKS: dict[str, Callable[[Stores, Plan], Result]] = {
    "redirect": redirect.run,
    "drain": drain.run,
    "drains": drains.run,
    "stats": stats.run,
    "completions": completions.run,
    "service": service.run,
    "quota": quota.run,
    "leaderboard": leaderboard.run,
    "interaction": interaction.run,
    "cached": cached.run,
    "layers": layers.run,
    "pages": pages.run,
    "fanout": fanout.run,
    "messages": messages.run,
    "connections": connections.run,
    "evidence": evidence.run,
    "overload": overload.run,
    "scale": scale.run,
    "start": start.run,
    "recovery": recovery.run,
    "kills": faults.kills,
    "reloads": faults.reloads,
    "soak": soak.run,
}


def main() -> int:
    options = _parse()
    if options.page:
        newest = {result.name: result for file in options.page for result in read_json(file)}
        print(page(list(newest.values())))
        return 0
    plan = SHORT if options.short else Plan()
    chosen = {"seconds": options.seconds, "rounds": options.rounds, "soaked": options.minutes}
    plan = replace(plan, **{name: value for name, value in chosen.items() if value})
    results = []
    signal.signal(signal.SIGTERM, _leave)  # so that everything started is stopped
    with servers() as (database_url, redis_url), Stores(database_url, redis_url) as stores:
        found = {**versions(), "postgresql": stores.postgres, "valkey": stores.valkey}
        print("\n".join(f"{name:<14}{value}" for name, value in found.items()), flush=True)
        for name in options.names or BENCHMARKS:
            say(f"{name}: begins; load of the machine {load_average()}")
            try:
                results.append(BENCHMARKS[name](stores, plan))
            except NotStartedError as error:
                sys.exit(f"error: {error}")
            print(show(results[-1], judged=plan.judged), flush=True)
    if plan.judged:
        print(page(results), flush=True)
    if options.json:
        write_json(options.json, found, results)
    reached = all(target.reached for result in results for target in result.targets)
    return 0 if reached or not plan.judged else 1


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--seconds", type=float, help="of load a round (5)")
    parser.add_argument("--rounds", type=int, help="of each side, in turn (5)")
    parser.add_argument("--minutes", type=float, help="of the soak (10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument(
        "--page",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="one page of these; later ones count",
    )
    parser.add_argument(
        "--short", action="store_true", help="only show that it works: tiny, and judges nothing"
    )
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return options


@contextmanager
def servers() -> Iterator[tuple[str, str]]:
    """The URLs of PostgreSQL and Redis, on the disk that a real instance would use, and not in
    memory: what is measured syncs."""
    var_dir = Path(os.environ.get("VAR_DIR") or PROJECT / "var")
    var_dir.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=var_dir) as made:
        directory = Path(made)
        directory.chmod(0o711)  # the servers' own user passes through
        urls = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
        with EmbeddedServers(
            directory, database_url=urls["DATABASE_URL"], redis_url=urls["REDIS_URL"]
        ) as servers:
            yield servers.database_url, servers.redis_url


if __name__ == "__main__":
    sys.exit(main())
