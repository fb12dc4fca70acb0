"""Starting what is measured, mostly one worker on one core each, and stopping it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from benchmarks import PROJECT
from benchmarks.machine import SERVER_CORE, on_core, say
from benchmarks.stores import Store

_PEERS = PROJECT / "benchmarks" / "peers"
_READY_WITHIN = 30.0
_STOPPED_WITHIN = 40.0


class NotStartedError(Exception):
    """A server ended, or did not answer in time."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def rallypoint(store: Store, **settings: str) -> Iterator[str]:
    """The whole stack as it is deployed, with its own configuration; gives its base URL."""
    with _gunicorn("config.asgi:application", store.environment | settings, "/ping") as server:
        yield server.url


@contextmanager
def logging_its_requests(application: str, store: Store, log: Path) -> Iterator[str]:
    """`application` on the product's server, with what it says of its requests in the file `log`,
    as a deployment has it; gives its base URL."""
    environment = store.environment | {"LOG_LEVEL": "INFO"}
    with log.open("wb") as said, _gunicorn(application, environment, "/ping", log=said) as server:
        yield server.url


class Server(NamedTuple):
    url: str
    pid: int


@contextmanager
def rallypoint_on_all_cores(store: Store, **settings: str) -> Iterator[Server]:
    """With two workers; the pid is that of their parent."""
    environment = store.environment | {"WEB_CONCURRENCY": "2"} | settings
    with _gunicorn("config.asgi:application", environment, "/ping", core=None) as server:
        yield server


@contextmanager
def bare(store: Store) -> Iterator[str]:
    """A constant 302 on the same server with the same settings."""
    with _gunicorn("benchmarks.peers.bare:application", store.environment, "/") as server:
        yield server.url


@contextmanager
def stock_channels(store: Store) -> Iterator[str]:
    """The usual consumer on the same server with the same settings."""
    application = "benchmarks.peers.stock:application"
    with _gunicorn(application, store.environment, "/ping") as server:
        yield server.url


@contextmanager
def megaphone() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peers.megaphone", str(port)]
    with _serving(command, os.environ, port, "/ping") as server:
        yield server.url


@contextmanager
def node_peer(name: str, core: int | None = SERVER_CORE, **settings: str) -> Iterator[str]:
    """The service of that name in benchmarks/peers; on all cores when there is no `core`."""
    port = free_port()
    environment = os.environ | settings | {"PORT": str(port), "NODE_ENV": "production"}
    command = ["node", "server.js"]
    directory = _PEERS / name
    with _serving(command, environment, port, "/ping", directory=directory, core=core) as server:
        yield server.url


def install_node_peer(name: str, *, may_download: bool) -> str:
    """Install the peer's packages where they are missing; why it cannot run, or ""."""
    if not shutil.which("node"):
        return "there is no Node on this machine"
    if (_PEERS / name / "node_modules").is_dir():
        return ""
    if not may_download:
        return "its packages are not installed"
    if not shutil.which("npm"):
        return "there is no npm on this machine to install its packages"
    say(f"npm ci for the Node peer {name}")
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=_PEERS / name, stdout=sys.stderr, check=False)
    return f"npm ci ended with {done.returncode}" if done.returncode else ""


@contextmanager
def _gunicorn(
    application: str,
    environment: Mapping[str, str],
    ready: str,
    *,
    core: int | None = SERVER_CORE,
    log: IO[bytes] | None = None,
) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", application]
    bound = {**environment, "BIND": f"127.0.0.1:{port}"}
    with _serving(command, bound, port, ready, core=core, log=log) as server:
        yield server


@contextmanager
def _serving(
    command: list[str],
    environment: Mapping[str, str],
    port: int,
    ready: str,
    *,
    directory: Path = PROJECT,
    core: int | None = SERVER_CORE,
    log: IO[bytes] | None = None,
) -> Iterator[Server]:
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=dict(environment),
        stdout=sys.stderr,
        stderr=log,
        preexec_fn=on_core(core),  # noqa: PLW1509 - there is one thread
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_answers(url + ready, process, _READY_WITHIN)
        yield Server(url, process.pid)
    finally:
        stop(process)


def wait_until_answers(url: str, process: subprocess.Popen[bytes], limit: float) -> float:
    """Seconds until `url` gave an answer below 400; NotStartedError after `limit`."""
    started = time.monotonic()
    opener = urllib.request.build_opener(_NoRedirect)
    while (waited := time.monotonic() - started) < limit:
        if process.poll() is not None:
            raise NotStartedError(f"{process.args!r} ended with {process.returncode}")
        try:
            with opener.open(url, timeout=1) as answer:
                if answer.status < 400:
                    return waited
        except OSError:
            time.sleep(0.02)
    raise NotStartedError(f"{url} did not answer within {limit:.0f} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A 302 is an answer like any other here."""

    def http_error_302(self, *arguments: object) -> object:
        return arguments[1]

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302
