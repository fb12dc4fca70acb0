"""The whole product as real processes: PostgreSQL, Valkey, gunicorn workers; for journeys and
for tests that kill parts of it. Everything lives in one temporary directory and ends with it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import requests
from redis import Redis

from benchmarks import PROJECT
from benchmarks.warm import WarmPython
from monitoring.embedded import EmbeddedServers
from monitoring.embedded.server import Server
from tests import prepared
from tests.accounts.siwe import TestWallet, compose


def token_of(session: requests.Session) -> str:
    """Of a session that `sign_in` gave."""
    return str(session.headers["Authorization"]).removeprefix("Bearer ")


def wait_until(condition: Callable[[], Any], *, seconds: float = 20.0) -> Any:
    """The first truthy answer of `condition`; an AssertionError when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{condition} not within {seconds} s"
        time.sleep(0.05)
    return answer


class Stack:
    """`url` answers; `api` is a requests.Session that holds a key with every scope of links.
    `settings` are variables of the environment; without RATE_LIMITS nobody is limited."""

    def __init__(self, directory: Path, *, workers: int = 2, **settings: str) -> None:
        self.directory, self._settings = directory, settings
        self._workers = workers
        self._servers = EmbeddedServers(directory / "var")
        self._web: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = requests.Session()

    def __enter__(self) -> Self:
        # Who imports gunicorn's configuration is a web process, and so is all that she starts.
        assert "RALLYPOINT_ROLE" not in os.environ
        is_migrated = prepared.lay(self.directory / "var")
        self._servers.__enter__()
        self._let_valkey_write_at_once()
        self.env = os.environ | {
            "DATABASE_URL": self._servers.database_url,
            "REDIS_URL": self._servers.redis_url,
            "VAR_DIR": str(self.directory / "var"),
            "SECRET_KEY": "s" * 64,
            "PUBLIC_URL": self.url,
            "ALLOWED_HOSTS": "127.0.0.1",
            "TRUSTED_PROXIES": "127.0.0.1",
            "COUNTRY_HEADER": "CF-IPCountry",
            "WEB_CONCURRENCY": str(self._workers),
            "BIND": f"127.0.0.1:{self.port}",
            "LOG_LEVEL": "WARNING",
            "RATE_LIMITS": "off",
            **self._settings,
        }
        self.env.pop("CACHE_URL", None)
        self._python = WarmPython(self.env)
        if not is_migrated:
            self.manage("migrate", "--verbosity", "0")
        self.key = self.key_of("alice")
        self.api.headers["Authorization"] = f"Bearer {self.key}"
        self.start_web()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_web()
        self._python.close()
        self._servers.__exit__(None, None, None)

    def _let_valkey_write_at_once(self) -> None:
        """While it syncs once a second it holds back for up to two what it acknowledged, if the
        disk is slow: a kill would lose that. Without, it loses only what a power cut would."""
        self.valkey.temporary = True  # from its next start on
        with Redis.from_url(self._servers.redis_url, socket_timeout=5) as redis:
            redis.config_set("appendfsync", "no")

    def key_of(self, username: str) -> str:
        said = self.manage(
            "create_api_key", username, "--create-user", "--name", "tests",
            "--scope", "links:read", "--scope", "links:write",
        )  # fmt: skip
        return said.splitlines()[-1]

    def sign_in(self, wallet: TestWallet) -> requests.Session:
        """A session that holds the token of whoever has this wallet."""
        session = requests.Session()
        asked = session.post(f"{self.url}/api/auth/nonce", timeout=10).json()
        message = compose(asked, wallet.address)
        proof = {"message": message, "signature": wallet.sign(message)}
        answer = session.post(f"{self.url}/api/auth/login", json=proof, timeout=10)
        assert answer.status_code == 200, answer.text
        session.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        # Tests kill workers: a kept connection would be that of a dead one.
        session.headers["Connection"] = "close"
        return session

    def make_quests(self, *quests: dict[str, Any]) -> list[int]:
        """Published quests of 10 XP, written by an operator; gives their numbers."""
        write = "from accounts.models import User; User.objects.get_or_create"
        self.manage("shell", "-c", f"{write}(username='operator', is_staff=True)")
        document = {
            "quests": [{"title": "Q", "xpReward": 10, "status": "published"} | q for q in quests]
        }
        file = self.directory / "quests.yaml"
        file.write_text(json.dumps(document))
        before = {quest["id"] for quest in self._quests()}
        self.manage("import_quests", str(file), "--apply", "--by", "operator")
        return sorted(quest["id"] for quest in self._quests() if quest["id"] not in before)

    def _quests(self) -> list[dict[str, Any]]:
        found = requests.get(f"{self.url}/api/quests?limit=100", timeout=10).json()
        return list(found["results"])

    def manage(self, *arguments: str, check: bool = True) -> str:
        done = self._python.run("manage.py", *arguments, capture_errors=True, timeout=120)
        assert not check or done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A `manage.py` command that goes on by itself; the caller ends it."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start_web(self) -> None:
        log = (self.directory / "web.log").open("ab")
        self._web = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "-c",
                "config/gunicorn.py",
                "config.asgi:application",
            ],
            cwd=PROJECT,
            env=self.env,
            stdout=log,
            stderr=log,
        )
        wait_until(self.answers, seconds=60)
        wait_until(lambda: len(self.web_workers()) == self._workers)

    def stop_web(self) -> None:
        if self._web and self._web.poll() is None:
            self._web.terminate()
            self._web.wait(timeout=40)

    def kill_web(self) -> None:
        """The parent alone; its workers find out."""
        assert self._web
        self._web.kill()
        self._web.wait()

    def reload(self) -> None:
        """A rolling reload: every worker is replaced."""
        before = set(self.web_workers())
        assert self._web
        self._web.send_signal(signal.SIGHUP)
        wait_until(
            lambda: len(now := self.web_workers()) == self._workers and before.isdisjoint(now),
            seconds=60,
        )

    def web_workers(self) -> list[int]:
        assert self._web
        children = Path(f"/proc/{self._web.pid}/task/{self._web.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/ping", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def web_log(self) -> str:
        return (self.directory / "web.log").read_text()

    def make_link(self, **fields: Any) -> dict[str, Any]:
        answer = self.api.post(f"{self.url}/api/links", json=fields, timeout=10)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def click(self, slug: str, **headers: str) -> requests.Response:
        return requests.get(
            f"{self.url}/{slug}", headers=headers, allow_redirects=False, timeout=10
        )

    def drain(self) -> None:
        self.manage("drain_clicks", "--once")

    def click_count(self, slug: str) -> int:
        """-1 while nobody can say."""
        found = self.api.get(f"{self.url}/api/links", params={"search": slug}, timeout=10).json()
        counts = [one["clickCount"] for one in found.get("results", ()) if one["slug"] == slug]
        return int(counts[0]) if counts else -1

    def spool_files(self) -> Iterator[Path]:
        return (self.directory / "var" / "spool").glob("*.spool")

    def reconcile(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.manage("reconcile", "--json", check=False))
        return report

    @property
    def postgres(self) -> Server:
        return self._server("postgres")

    @property
    def valkey(self) -> Server:
        return self._server("valkey")

    @contextmanager
    def frozen(self, server: Server) -> Iterator[None]:
        """The part accepts connections and never answers."""
        for pid in _family(server.pid):
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in _family(server.pid):
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def killed(self, server: Server, *, whole: bool = True) -> Iterator[None]:
        """The part is gone, and comes back with what it had on disk, and is felt if `whole`."""
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not server.is_alive())
        try:
            yield
        finally:
            server.start()
            if whole:
                wait_until(self.is_whole, seconds=60)

    def is_whole(self) -> bool:
        """Every worker reaches both stores again: new addresses are looked up in both."""
        codes = {self.click(f"unknown-{time.monotonic_ns()}").status_code for _ in range(12)}
        return codes == {404}

    def _server(self, name: str) -> Server:
        return next(s for s in self._servers._servers if s.name == name)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
