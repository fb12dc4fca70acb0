"""The requests of a crowd, the process that makes them, and what came of it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks import PROJECT
from benchmarks.cast import make_players
from benchmarks.inside import call, make_link
from benchmarks.load import HEADERS
from benchmarks.machine import CLIENT_CORE, on_core
from benchmarks.stores import Store

TIMEOUT = 30.0
_LINK = json.dumps({"url": "https://example.org/made-under-load"})


@dataclass(frozen=True)
class Kind:
    """`share` of all requests, by weight; these are asked in turn."""

    share: float
    requests: list[str]


@dataclass(frozen=True)
class Seen:
    """What came of a load. Latencies are in milliseconds."""

    seconds: float
    kinds: dict[str, dict[str, float]]
    shed: dict[str, float]
    timeline: list[dict[str, int]]

    def count(self, outcome: str) -> int:
        """Of `good`, `shed`, `limited` and `error`."""
        return int(sum(kind.get(outcome, 0) for kind in self.kinds.values()))

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.count("good") / self.seconds

    def worst(self, quantile: str) -> float:
        return max(kind.get(quantile, 0.0) for kind in self.kinds.values())


def crowd(
    url: str, kinds: dict[str, Kind], *, rate: float | None, seconds: float, connections: int
) -> Seen:
    """At `rate` requests a second, or as fast as they are answered."""
    where = urlsplit(url)
    plan = {
        "host": where.hostname,
        "port": where.port,
        "rate": rate,
        "seconds": seconds,
        "connections": connections,
        "timeout": TIMEOUT,
        "kinds": {name: vars(kind) for name, kind in kinds.items()},
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.traffic.generator"],
        cwd=PROJECT,
        input=json.dumps(plan) + "\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        preexec_fn=on_core(CLIENT_CORE),
        timeout=seconds + 4 * TIMEOUT,
    )
    return Seen(**json.loads(done.stdout.splitlines()[-1]))


def mixed(store: Store, *, players: int) -> dict[str, Kind]:
    """Of redirects, public reads, reads of people, and links that they make."""
    link = call(store, make_link)
    tokens = store.var_dir / "tokens"
    call(store, make_players, players=players, tokens=str(tokens))
    people = [f"Authorization: Bearer {token}" for token in tokens.read_text("ascii").split()]
    return {
        "redirect": Kind(50, [request("GET", f"/{link['slug']}")]),
        "public": Kind(20, [request("GET", "/api/public/users/leaderboard")]),
        "read": Kind(20, [request("GET", "/api/progress/user", person) for person in people]),
        "write": Kind(10, [request("POST", "/api/links", person, body=_LINK) for person in people]),
        "health": Kind(1, [request("GET", "/api/health")]),
    }


def request(method: str, path: str, *headers: str, body: str = "") -> str:
    """As it stands on the wire."""
    common = [f"{name}: {value}" for name, value in HEADERS.items()]
    length = [f"Content-Length: {len(body)}", "Content-Type: application/json"] if body else []
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *common, *length, *headers]
    return "\r\n".join([*lines, "", body])
