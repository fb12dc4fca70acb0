"""See the package: the measurement itself."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import PROJECT
from benchmarks.load import CONNECTIONS, Load, load
from benchmarks.load import missing as no_load
from benchmarks.machine import say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.scale.network import Host, Network, missing
from benchmarks.scale.stores import SharedPostgres, SharedValkey
from benchmarks.stores import Stores

ONE, TWO = "one web host", "two web hosts"
_CORE = 0.15
_AT_LEAST = 1.8
_PORT = 8000
_READY_WITHIN = 90.0
_SLUG = "landing"
_MAKE = """
from accounts.services import create_service_user
from links.services import create_link
owner = create_service_user(username="bench")
create_link(owner=owner, url="https://example.org/landing", slug="landing")
"""


class _Place:
    """Two web hosts, one for workers, and the stores, in a directory of their own."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory, self._stack = directory, stack
        network = Network(stack)
        self.webs = [network.host(f"w{number}", 10 + number) for number in (1, 2)]
        self._worker = network.host("b", 20)
        database = SharedPostgres(directory, network.address)
        redis = SharedValkey(directory, network.address)
        for server in (database, redis):
            stack.callback(server.stop)
            server.start()
        names = ",".join(host.address for host in self.webs)
        self._environment = os.environ | {
            "DATABASE_URL": database.shared_url, "REDIS_URL": redis.shared_url, "CACHE_URL": "",
            "SECRET_KEY": "b" * 64, "PUBLIC_URL": "http://rally.test", "ALLOWED_HOSTS": names,
            "RATE_LIMITS": "off", "LOG_LEVEL": "WARNING", "WEB_CONCURRENCY": "1",
            "PYTHONPATH": str(PROJECT),
        }  # fmt: skip

    def start(self) -> None:
        """Without a limit, and then with: who starts Django in a seventh of a core waits long."""
        manage = [sys.executable, str(PROJECT / "manage.py")]
        own = self._environment_of(self._worker)
        for words in (["migrate", "--verbosity", "0"], ["shell", "-v", "0", "-c", _MAKE]):
            subprocess.run(
                [*manage, *words], env=own, check=True, stdout=subprocess.DEVNULL, timeout=300
            )
        for host in self.webs:
            self._stack.enter_context(self._serving(host))
        for host in self.webs:
            _wait_for(f"http://{host.address}:{_PORT}/ping")
        for host in self.webs:
            host.limit(_CORE)

    def manage(self, *words: str) -> str:
        """By the workers' host."""
        argv = [sys.executable, str(PROJECT / "manage.py"), *words]
        return self._worker.run(argv, self._environment_of(self._worker))

    @contextmanager
    def _serving(self, host: Host) -> Iterator[None]:
        env = self._environment_of(host) | {"BIND": f"{host.address}:{_PORT}"}
        argv = [sys.executable, "-m", "gunicorn", "--chdir", str(PROJECT)]
        argv += ["-c", str(PROJECT / "config" / "gunicorn.py"), "config.asgi:application"]
        web = host.start(argv, env, self._directory / f"{host.name}.log")
        try:
            yield
        finally:
            host.limit(1)  # leaving takes it as long as starting would
            web.terminate()
            web.wait(timeout=60)

    def _environment_of(self, host: Host) -> dict[str, str]:
        """A disk of its own: what is spooled there nobody else sees."""
        own = self._directory / host.name
        own.mkdir(exist_ok=True)
        return self._environment | {"VAR_DIR": str(own)}


def run(_: Stores, plan: Plan) -> Result:
    what = f"{CONNECTIONS} clients, one link; each host has {_CORE:.0%} of a core"
    result = Result("scale", what)
    if why := missing() or no_load():
        result.notes.append(f"not measured: {why}")
        return result
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scale-")))
        directory.chmod(0o711)  # the servers' own user passes through
        place = _Place(directory, stack)
        place.start()
        seen = _measure(place, plan)
        result.notes += _prove(place, seen)
    rates = {
        name: Side(name, "req/s", [sum(one.rate for one in loads) for loads in seen[name]])
        for name in (ONE, TWO)
    }
    result.sides += rates.values()
    ratio = rates[TWO].median / rates[ONE].median
    result.targets.append(Target(f"{TWO} / {ONE}", ratio, _AT_LEAST))
    return result


def _measure(place: _Place, plan: Plan) -> dict[str, list[list[Load]]]:
    """In turn; first everything is asked once, so that all of it is warm."""
    seen: dict[str, list[list[Load]]] = {ONE: [], TWO: [], "warming up": []}
    seen["warming up"].append(_ask(place.webs, min(2.0, plan.seconds)))
    for number in range(1, plan.rounds + 1):
        # In turn, too: one of them may have the quieter neighbours.
        seen[ONE].append(_ask([place.webs[number % 2]], plan.seconds))
        seen[TWO].append(_ask(place.webs, plan.seconds))
        one, two = (sum(load.rate for load in seen[name][-1]) for name in (ONE, TWO))
        say(f"scale: round {number} of {plan.rounds}: one {one:,.0f}/s, two {two:,.0f}/s")
    return seen


def _ask(hosts: list[Host], seconds: float) -> list[Load]:
    """As many connections in all, however many hosts."""
    each = CONNECTIONS // len(hosts)
    urls = [f"http://{host.address}:{_PORT}/{_SLUG}" for host in hosts]
    with ThreadPoolExecutor(len(urls)) as pool:
        found = list(pool.map(lambda url: load(url, seconds, each), urls))
    if any(one.errors or not one.requests for one in found):
        raise SystemExit(f"scale: not all answers were good: {found}")
    return found


def _prove(place: _Place, seen: dict[str, list[list[Load]]]) -> list[str]:
    """Every 302 of both hosts is a stored click; a load ends without its last answers."""
    requests = sum(one.requests for rounds in seen.values() for loads in rounds for one in loads)
    runs = sum(len(loads) for rounds in seen.values() for loads in rounds)
    place.manage("drain_clicks", "--once")
    report = json.loads(place.manage("reconcile", "--json"))
    assert report["clean"], report
    stored, beyond = int(report["stored"]), runs * CONNECTIONS
    if not requests <= stored <= requests + beyond:
        raise SystemExit(f"{requests} redirects were seen and {stored} clicks stored")
    return [f"{requests:,} redirects seen, {stored:,} clicks stored; E1 and E2 hold over both"]


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
