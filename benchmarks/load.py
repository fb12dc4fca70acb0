"""Asking as fast as the answers come: so many keep-alive connections, one request each at a time.

wrk where it is installed, else load.mjs in Node: a client in Python could not keep up.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.machine import CLIENT_CORE, on_core

CONNECTIONS = 32
# What a browser sends; the same to everybody.
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.7,de;q=0.3",
    "Referer": "https://news.example.org/today",
}
_HERE = Path(__file__).parent


class Load(NamedTuple):
    """`p50` and `p99` in milliseconds; `errors` are answers from 400 on and broken sockets."""

    requests: int
    rate: float
    p50: float
    p99: float
    errors: int


def missing() -> str:
    """Why no load can be made, or ""."""
    return "" if shutil.which("wrk") or shutil.which("node") else "neither wrk nor Node is here"


def load(
    url: str,
    seconds: float,
    connections: int = CONNECTIONS,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Load:
    """GET `url`, again and again; `headers` besides those of every request."""
    return _load(url, seconds, connections, "report.lua", {}, headers=headers)


def load_completions(url: str, seconds: float, *, tokens: Path, first: int) -> Load:
    """Complete quests, each request another one: see complete.lua."""
    chosen = {"LOAD_TOKENS": str(tokens), "LOAD_FIRST": str(first)}
    return _load(url, seconds, CONNECTIONS, "complete.lua", chosen)


def _load(
    url: str,
    seconds: float,
    connections: int,
    script: str,
    environment: dict[str, str],
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Load:
    make = partial(_wrk, script=script) if shutil.which("wrk") else _node
    done = subprocess.run(
        make(url, max(1, round(seconds)), connections, headers={**HEADERS, **headers}),
        cwd=_HERE,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        preexec_fn=on_core(CLIENT_CORE),
    )
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    return Load(
        requests=seen["requests"],
        rate=seen["requests"] / seen["seconds"],
        p50=seen["p50"] / 1000,
        p99=seen["p99"] / 1000,
        errors=seen["errors"],
    )


def _wrk(
    url: str, seconds: int, connections: int, *, script: str, headers: Mapping[str, str]
) -> list[str]:
    size = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    lines = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    return ["wrk", *size, "-s", script, *lines, url]


def _node(url: str, seconds: int, connections: int, *, headers: Mapping[str, str]) -> list[str]:
    parts = urlsplit(url)
    where = [str(parts.hostname), str(parts.port), parts.path or "/"]
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return ["node", "load.mjs", *where, str(seconds), str(connections), *lines]
