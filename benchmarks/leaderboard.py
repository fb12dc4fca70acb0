"""The leaderboard of a million players: top, anybody's rank, who is around, and a deep page.

Measured on the functions behind the API, as it is at rest and with changes that nobody has folded
yet; pages through HTTP too.
"""

import http.client
import itertools
import time
from statistics import median
from urllib.parse import urlsplit

from benchmarks.cast import fill_leaderboard, note_changes
from benchmarks.inside import call
from benchmarks.lookups import ask
from benchmarks.machine import placement, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.servers import rallypoint
from benchmarks.stores import Stores

_TARGET_MS = 10
_DEEP_TARGET = 3
_DEEP = "page 10,000"
_NOTES = 5_000
_PAGE = 50


def run(stores: Stores, plan: Plan) -> Result:
    result = Result("leaderboard", f"{plan.standings:,} players; {placement('asker')}")
    notes = min(_NOTES, plan.standings // 10)
    with stores.new("leaderboard") as store:
        say(f"leaderboard: {plan.standings:,} standings")
        made = call(store, fill_leaderboard, players=plan.standings)
        for state in ("", f", {notes:,} notes"):
            if state:
                call(store, note_changes, notes=notes)
            times: dict[str, list[float]] = {}
            for number in range(1, plan.rounds + 1):
                found = call(
                    store, ask, alone=True, times=plan.requests,
                    first=made["first"], last=made["last"],
                )  # fmt: skip
                for name, value in found.items():
                    times.setdefault(name + state, []).append(value)
                latest = ", ".join(f"{name} {value:.1f} ms" for name, value in found.items())
                say(f"leaderboard: round {number} of {plan.rounds}{state}: {latest}")
            result.sides += [Side(name, "ms", values, "median") for name, values in times.items()]
        deep = min(_PAGE * 9_999, plan.standings // 2)
        with rallypoint(store) as url:
            result.sides += [
                Side(f"{name} through HTTP", "ms", _pages(url, offset, plan), "median")
                for name, offset in (("top 50", 0), (_DEEP, deep))
            ]
    sides = {side.name: side.median for side in result.sides}
    result.targets += [
        Target(f"median of {name}", value, _TARGET_MS, "ms", at_least=False)
        for name, value in sides.items()
        if not name.startswith(_DEEP) and "HTTP" not in name
    ]
    result.targets += [
        Target(
            f"{_DEEP} / top 50{state}",
            sides[_DEEP + state] / sides["top 50" + state],
            _DEEP_TARGET,
            at_least=False,
        )
        for state in ("", f", {notes:,} notes", " through HTTP")
    ]
    result.notes.append(f"{made['segments']:,} segments")
    return result


def _pages(url: str, offset: int, plan: Plan) -> list[float]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)

    numbers = itertools.count(offset)

    def once() -> float:
        """Each time another page: the same one would be a kept answer."""
        path = f"/api/public/users/leaderboard?limit={_PAGE}&offset={next(numbers)}"
        started = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return (time.perf_counter() - started) * 1000

    for _ in range(10):
        once()
    return [median(once() for _ in range(plan.requests)) for _ in range(plan.rounds)]
