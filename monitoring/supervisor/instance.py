"""What an instance consists of: its environment, its programs, and what must hold beforehand."""

import errno
import os
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monitoring.embedded.secret_file import read_secret, write_secret
from monitoring.supervisor.errors import CannotStart
from monitoring.supervisor.program import Program

PROJECT = Path(__file__).resolve().parents[2]
_ENOUGH_DISK = 200_000_000
_LOCAL_HOSTS = "localhost,127.0.0.1,[::1]"
_HIGHEST_PORT = 65_535
_AFTER_WEB_SECONDS = 3
BACKLOG = 2048  # as config/gunicorn.py has it


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def reachable_host(self) -> str:
        """Where this machine finds it, if it listens on all addresses."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104 - asked, not bound to


def bound(address: Address) -> socket.socket:
    """For the web server, and held by whoever keeps it: while it is started again, callers wait in
    the kernel's queue and are not refused. Until it listens, they are refused."""
    if not 0 < address.port <= _HIGHEST_PORT:
        raise CannotStart(f"{address.port} is no port: choose one between 1 and {_HIGHEST_PORT}.")
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
    except OSError as error:
        listener.close()
        raise CannotStart(_why_not(address, error)) from error
    return listener


def _why_not(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        other = address.port % _HIGHEST_PORT + 1
        return (
            f"Port {address.port} is in use by another program. "
            f"Choose another one: make run PORT={other}"
        )
    if error.errno == errno.EACCES:
        return f"Port {address.port} is open to root only. Choose one above 1023."
    return f"{address.host} is no address of this machine: {error.strerror or error}."


def prepare_directory(var: Path) -> None:
    """Where the instance keeps its data: made, and with room enough."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(var).free
    except OSError as error:
        raise CannotStart(
            f"{var} cannot be used: {error.strerror}. VAR_DIR chooses another directory."
        ) from error
    if free < _ENOUGH_DISK:
        raise CannotStart(
            f"The disk of {var} is nearly full: {free // 1_000_000} MB are free, "
            f"{_ENOUGH_DISK // 1_000_000} MB are needed."
        )


def note_address(var: Path, address: Address) -> None:
    """For the commands that are called beside us."""
    (var / "address").write_text(f"{Address(address.reachable_host, address.port)}\n")


def var_directory(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("VAR_DIR") or PROJECT / "var").resolve()


def environment(environ: Mapping[str, str], address: Address, var: Path) -> dict[str, str]:
    """The environment of every process of the instance: what was given, and what is generated."""
    defaults = {
        "ALLOWED_HOSTS": _LOCAL_HOSTS,
        "PUBLIC_URL": f"http://{Address(address.reachable_host, address.port)}",
        "PYTHONUNBUFFERED": "1",
        "LOG_FORMAT": "console" if sys.stdout.isatty() else "json",
        "VAR_DIR": str(var),
        # For a look at the product. Whoever runs it in earnest asks for them.
        "BACKUP_INTERVAL_HOURS": "0",
    }
    if not environ.get("SECRET_KEY") and not environ.get("SECRET_KEY_FILE"):
        defaults["SECRET_KEY"] = _generated_secret(var / "secret_key")
    given = {name: value for name, value in environ.items() if value or name not in defaults}
    return {**defaults, **given}


def _generated_secret(path: Path) -> str:
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(48))
    return read_secret(path)


def programs(address: Address, listener: socket.socket, env: Mapping[str, str]) -> list[Program]:
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "-A", "config", "--quiet"]  # without its banner
    # Beat ticks every second: at INFO its lines would bury those of the web.
    quiet = {"LOG_LEVEL": "WARNING", **env}
    # Importing everything three times at once would delay the first answer by half.
    later = _AFTER_WEB_SECONDS
    return [
        web(listener, {**env, "BIND": str(address)}),
        Program("worker", [*celery, "worker"], quiet, PROJECT, start_delay=later),
        Program("beat", [*celery, "beat"], quiet, PROJECT, start_delay=later),
    ]


def web(
    listener: socket.socket, env: Mapping[str, str], *, application: str = "config.asgi:application"
) -> Program:
    server = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"]
    return Program(
        "web",
        [*server, "--bind", f"fd://{listener.fileno()}", application],
        env,
        PROJECT,
        reload_signal=signal.SIGHUP,  # gunicorn replaces its workers one by one
        inherits=(listener.fileno(),),
    )


def manage(*arguments: str) -> list[str]:
    return [sys.executable, os.fspath(PROJECT / "manage.py"), *arguments]


def has_demo() -> bool:
    return any(PROJECT.glob("*/management/commands/demo.py"))
