"""A backup is there whole, with what is needed to trust it, or not at all."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError
from pytest_django import Settings

from accounts.models import User
from benchmarks import PROJECT
from monitoring.backups import making, programs
from monitoring.backups.errors import BackupBusyError, BackupError
from monitoring.backups.manifest import Manifest
from monitoring.backups.progress import Progress
from monitoring.backups.server import Server
from monitoring.backups.store import Directory, in_use
from tests.monitoring.backups.conftest import Say, archive_of, made
from tests.monitoring.processes import is_running
from tests.stack import wait_until


def files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} if directory.exists() else set()


def test_a_backup_is_an_archive_and_a_manifest_that_says_all_of_it(
    alice: User, settings: Settings
) -> None:
    manifest = made()
    archive = archive_of(manifest)

    assert files(settings.BACKUP_DIR) == {archive.name, f"{manifest.name}.json"}
    assert manifest.tables["accounts_user"] == 1
    assert "accounts.0001_initial" in manifest.migrations
    assert manifest.figures["click stream"] == "0-0"
    assert manifest.size == archive.stat().st_size
    assert manifest.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert manifest.version == settings.VERSION
    assert manifest.verified_at
    assert Directory.ours().manifests() == [manifest]


def test_only_its_owner_can_read_it(settings: Settings) -> None:
    made()
    modes = {path.stat().st_mode & 0o777 for path in settings.BACKUP_DIR.iterdir()}
    assert modes == {0o600}
    assert settings.BACKUP_DIR.stat().st_mode & 0o777 == 0o700


def test_rows_are_counted_in_the_snapshot_that_is_dumped(
    alice: User, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    """Somebody signs up between the counting and the dump: she is in neither."""
    dump = making.dump

    def dump_later(*arguments: object) -> object:
        User.objects.create_user(username="bob")
        return dump(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "dump", dump_later)
    manifest = made()

    assert manifest.tables["accounts_user"] == 1
    assert json.loads(say("restore", "--drill", "--json"))["clean"]


def test_the_password_is_on_no_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[str] = []
    popen = subprocess.Popen

    def watched(argv: list[str], **options: object) -> object:
        seen.extend(map(str, argv))
        return popen(argv, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(programs.subprocess, "Popen", watched)
    made()

    password = dict(Server.ours().parameters)["password"]
    assert any("--snapshot" in word for word in seen)
    assert not any(password in word for word in seen)


def test_a_dump_that_fails_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(making, "exported", lambda _: _wrong_snapshot())

    with pytest.raises(BackupError, match=r"pg_dump failed: .*snapshot"):
        made()
    assert files(settings.BACKUP_DIR) == set()


class _wrong_snapshot:  # noqa: N801 - it stands for a context manager's function
    def __enter__(self) -> str:
        return "00000003-0000001B-1"

    def __exit__(self, *_: object) -> None: ...


def test_a_full_disk_is_said_with_its_place(
    say: Say, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("monitoring.backups.archive.os.fsync", full)
    with pytest.raises(CommandError, match="No space left on device: BACKUP_DIR is /"):
        say("backup", "--quiet")
    assert files(settings.BACKUP_DIR) == set()


def test_a_killed_backup_leaves_nothing_that_looks_like_one(
    settings: Settings, tmp_path: Path
) -> None:
    env = os.environ | {
        "BACKUP_DATABASE_URL": settings.BACKUP_DATABASE_URL,
        "BACKUP_DIR": str(settings.BACKUP_DIR),
        "PATH": f"{_slow_pg_dump(tmp_path / 'bin')}:{os.environ['PATH']}",
    }
    command = [sys.executable, "manage.py", "backup", "--quiet"]
    process = subprocess.Popen(command, cwd=PROJECT, env=env)
    (half,) = wait_until(lambda: [p for p in settings.BACKUP_DIR.glob("*") if p.stat().st_size])
    dumping = int((tmp_path / "bin" / "pid").read_text())
    process.send_signal(signal.SIGKILL)
    process.wait()

    wait_until(lambda: not is_running(dumping))
    assert Directory.ours().manifests() == []
    assert half.name.endswith(".unfinished")
    manifest = wait_until(_made_when_free)
    assert files(settings.BACKUP_DIR) == {f"{manifest.name}.dump", f"{manifest.name}.json"}


def _slow_pg_dump(directory: Path) -> Path:
    """It begins, and then has nothing more to say for a long time."""
    directory.mkdir()
    program = directory / "pg_dump"
    program.write_text(
        "#!/bin/sh\n"
        '[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99.1" && exit\n'
        f"echo $$ > {directory}/pid; head -c 5000000 /dev/zero; exec sleep 100\n"
    )
    program.chmod(0o755)
    return directory


def _made_when_free() -> Manifest | None:
    """The server notices a killed client when it next says something."""
    try:
        return made()
    except BackupBusyError:
        return None


def test_what_a_backup_that_was_killed_later_left_is_removed(settings: Settings) -> None:
    settings.BACKUP_DIR.mkdir()
    old, young = (settings.BACKUP_DIR / f"rallypoint-2020010{n}T000000Z.dump" for n in (1, 2))
    for archive in (old, young):
        archive.write_bytes(b"no manifest")
    os.utime(old, (0, 0))
    busy = settings.BACKUP_DIR / "rallypoint-20200103T000000Z.unfinished"
    (settings.BACKUP_DIR / "rallypoint-20200101T000000Z.json.unfinished").write_bytes(b"{")
    (settings.BACKUP_DIR / "notes.txt").write_text("somebody's")

    assert Directory.ours().manifests() == []
    with in_use(busy):
        manifest = made()

    assert files(settings.BACKUP_DIR) == {
        "notes.txt", f"{manifest.name}.dump", f"{manifest.name}.json", young.name, busy.name,
    }  # fmt: skip


def test_only_one_is_made_at_a_time(say: Say) -> None:
    with Server.ours().held(making._LOCK, "making a backup"):
        with pytest.raises(CommandError, match="Another process is making a backup") as caught:
            say("backup", "--quiet")
        assert caught.value.returncode == 75
    assert "verified" in say("backup")


def test_two_of_one_second_have_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "new_name", lambda _: "rallypoint-20310501T000000Z")
    assert [made().name for _ in range(2)] == [
        "rallypoint-20310501T000000Z", "rallypoint-20310501T000000Z-2",
    ]  # fmt: skip


def test_an_older_pg_dump_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
    old.chmod(0o755)
    monkeypatch.setattr(programs, "client_directories", lambda: iter([tmp_path]))
    major = Server.ours().major

    with pytest.raises(BackupError, match=f"pg_dump 9 is here, and the server is .* {major}"):
        made()
    monkeypatch.setattr(programs, "client_directories", lambda: iter([]))
    with pytest.raises(BackupError, match="There is no pg_dump here"):
        made()


def test_a_damaged_archive_is_found(say: Say) -> None:
    manifest = made()
    assert "is readable" in say("backup", "--verify", manifest.name)
    archive = archive_of(manifest)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)

    with pytest.raises(CommandError, match="is damaged: its SHA-256"):
        say("backup", "--verify", manifest.name)
    with pytest.raises(CommandError, match="is damaged"):
        say("restore", "--drill")


def test_the_list_says_what_there_is_and_what_is_next(say: Say, settings: Settings) -> None:
    settings.BACKUP_INTERVAL_HOURS = 24
    assert "There is no backup yet." in say("backups")
    assert "due now" in say("backups")
    manifest = made()

    table = say("backups")
    assert manifest.name in table
    assert "The next one is due" in table
    assert "due now" not in table
    told = json.loads(say("backup", "--list", "--json"))
    assert told["backups"][0]["sha256"] == manifest.sha256
    assert told["backups"][0]["where"] == ["directory"]
    settings.BACKUP_INTERVAL_HOURS = 0
    assert "BACKUP_INTERVAL_HOURS is 0" in say("backups")


def test_quiet_says_nothing(say: Say, capfd: pytest.CaptureFixture[str]) -> None:
    assert say("backup", "--quiet") == ""
    assert capfd.readouterr().err == ""


def test_people_see_how_far_it_is_and_pipes_do_not() -> None:
    class Terminal:
        def __init__(self, *, is_terminal: bool) -> None:
            self.shown, self._is_terminal = "", is_terminal

        def isatty(self) -> bool:
            return self._is_terminal

        def write(self, text: str) -> None:
            self.shown += text

        def flush(self) -> None: ...

    terminal, pipe = Terminal(is_terminal=True), Terminal(is_terminal=False)
    for screen in (terminal, pipe):
        making.back_up(Progress(screen))

    assert "dumped" in terminal.shown
    assert "kB, 0 s" in terminal.shown
    assert pipe.shown == ""


def test_nobody_is_told_the_password_when_the_server_is_away(settings: Settings) -> None:
    settings.BACKUP_DATABASE_URL = "postgresql://rally:hunter2hunter2@127.0.0.1:9/rally"
    started = time.monotonic()
    with pytest.raises(BackupError) as caught:
        made()
    assert "hunter2" not in str(caught.value)
    assert time.monotonic() - started < 6
    settings.BACKUP_DATABASE_URL = "postgresql://rally:hunter2hunter2@[::1/rally"
    with pytest.raises(BackupError) as caught:
        made()
    assert "hunter2" not in str(caught.value)


def test_another_kind_of_database_is_dumped_too(settings: Settings) -> None:
    settings.BACKUP_DATABASE_URL = Server.ours().other("template1").url
    with psycopg.connect(settings.BACKUP_DATABASE_URL, autocommit=True):
        pass
    assert made().migrations == []
