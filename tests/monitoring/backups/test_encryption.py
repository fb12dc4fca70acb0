"""Whoever finds an encrypted backup reads nothing; whoever has the identity reads all of it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from django.core.management import CommandError
from pytest_django import Settings

from accounts.models import User
from benchmarks import PROJECT
from monitoring.backups.server import Server
from tests.monitoring.backups.conftest import Say, archive_of, ballast, made, rows

MakeKey = Callable[[], Path]


@pytest.fixture
def make_key(tmp_path: Path, settings: Settings) -> MakeKey:
    """An identity file as age-keygen writes it; backups are for its owner, too, from now on."""

    def make() -> Path:
        identity = pyrage.x25519.Identity.generate()
        file = tmp_path / f"key-{len(settings.BACKUP_AGE_RECIPIENTS)}.txt"
        file.write_text(
            f"# created: 2031-05-01\n# public key: {identity.to_public()}\n{identity}\n"
        )
        settings.BACKUP_AGE_RECIPIENTS = [
            *settings.BACKUP_AGE_RECIPIENTS,
            str(identity.to_public()),
        ]
        return file

    return make


def test_each_recipient_can_restore_it(
    alice: User, make_key: MakeKey, elsewhere: Server, say: Say
) -> None:
    keys = [make_key(), make_key()]
    manifest = made()

    assert manifest.encrypted
    assert archive_of(manifest).name.endswith(".dump.age")
    assert archive_of(manifest).read_bytes().startswith(b"age-encryption.org/v1\n")
    assert b"PGDMP" not in archive_of(manifest).read_bytes()
    for key in keys:
        said = say("restore", manifest.name, "--replace", "--yes", into=elsewhere.url, identity=key)
        assert "all of them as they were" in said
        assert rows(elsewhere, "SELECT username FROM accounts_user") == [("alice",)]


def test_it_is_drilled_and_verified_with_the_identity(make_key: MakeKey, say: Say) -> None:
    key = make_key()
    manifest = made()
    assert "encrypted: --identity looks inside" in say("backup", "--verify", manifest.name)
    assert "is readable" in say("backup", "--verify", manifest.name, identity=key)
    assert "All equal" in say("restore", "--drill", identity=key)


def test_an_identity_does_no_harm_to_what_is_not_encrypted(
    make_key: MakeKey, elsewhere: Server, say: Say, settings: Settings
) -> None:
    key = make_key()
    settings.BACKUP_AGE_RECIPIENTS = []
    manifest = made()
    assert "is readable" in say("backup", "--verify", manifest.name, identity=key)
    assert "All equal" in say("restore", "--drill", identity=key)


@pytest.mark.timeout(60)
def test_a_large_one_is_listed_and_restored_too(
    make_key: MakeKey, elsewhere: Server, say: Say
) -> None:
    """pg_restore has more to print than a pipe holds, and stops reading long before the end."""
    key = make_key()
    with ballast():
        manifest = made()
    assert "is readable" in say("backup", "--verify", manifest.name, identity=key)
    say("restore", manifest.name, into=elsewhere.url, identity=key)
    assert rows(elsewhere, "SELECT length(ballast) FROM ballast") == [(200_000 * 64,)]


def test_without_its_identity_nobody_reads_it(
    make_key: MakeKey, elsewhere: Server, say: Say, settings: Settings, tmp_path: Path
) -> None:
    make_key()
    manifest = made()
    settings.BACKUP_AGE_RECIPIENTS = []
    stranger = make_key()
    with pytest.raises(CommandError, match="--identity names the file with the key"):
        say("restore", manifest.name, into=elsewhere.url)
    with pytest.raises(CommandError, match="cannot be decrypted"):
        say("restore", manifest.name, into=elsewhere.url, identity=stranger)
    empty = tmp_path / "empty.txt"
    empty.write_text("# nothing\n")
    with pytest.raises(CommandError, match="There is no key in"):
        say("restore", manifest.name, into=elsewhere.url, identity=empty)
    empty.write_text("AGE-SECRET-KEY-1NOTREALLY\n")
    with pytest.raises(CommandError, match="no secret key of age") as caught:
        say("restore", manifest.name, into=elsewhere.url, identity=empty)
    assert "NOTREALLY" not in str(caught.value)


def test_a_recipient_that_is_none_is_said_before_anything_is_dumped(
    settings: Settings, say: Say
) -> None:
    settings.BACKUP_AGE_RECIPIENTS = ["ssh-rsa AAAA"]
    with pytest.raises(CommandError, match="is no public key of age"):
        say("backup")
    assert list(settings.BACKUP_DIR.iterdir()) == []


_STREAM = """
import io, resource, sys
from pathlib import Path
from monitoring.backups import archive
from monitoring.backups.progress import Progress

class Endless(io.RawIOBase):
    left = 300_000_000
    def readable(self): return True
    def readinto(self, buffer):
        size = min(len(buffer), self.left); self.left -= size
        buffer[:size] = bytes(size); return size

class Nowhere:
    def write(self, data): return len(data)
    def flush(self): pass

import pyrage
key = pyrage.x25519.Identity.generate().to_public()
digest = archive.Digest(Nowhere(), Progress(), "dumped")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
archive._pump(Endless(), digest, [key])
assert digest.size > 300_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_dump_needs_no_large_memory() -> None:
    """300 MB pass, encrypted, in a process that grows by less than 16 MB."""
    said = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{_STREAM}"],
        cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
    )  # fmt: skip
    assert int(said.stdout) < 16 * 1024
