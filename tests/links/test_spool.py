"""Clicks on disk: nothing that was acknowledged is lost, and the bound holds."""

import errno
from pathlib import Path

import pytest

from links.redirect.spool import Spool, SpoolFullError


def test_what_was_written_comes_back_in_order(tmp_path: Path) -> None:
    spool, seen = Spool(tmp_path, 10_000), []
    for frame in (b"one", b"two", b"three"):
        spool.append(frame)
    spool.close()

    assert spool.replay(seen.append) == 3
    assert seen == [b"one", b"two", b"three"]
    assert spool.size() == 0


def test_the_file_of_a_living_writer_is_left_to_it(tmp_path: Path) -> None:
    writer, other, seen = Spool(tmp_path, 10_000), Spool(tmp_path, 10_000), []
    writer.append(b"mine")

    assert other.replay(seen.append) == 0
    assert list(other.frames()) == [b"mine"]


def test_a_replay_that_fails_loses_nothing(tmp_path: Path) -> None:
    spool, seen = Spool(tmp_path, 10_000), []
    spool.append(b"one")
    spool.append(b"two")
    spool.close()

    def fail_at_two(frame: bytes) -> None:
        if frame == b"two":
            raise ConnectionError
        seen.append(frame)

    with pytest.raises(ConnectionError):
        spool.replay(fail_at_two)
    spool.replay(seen.append)

    assert seen == [b"one", b"one", b"two"]


@pytest.mark.parametrize("damage", [lambda data: data[:-2], lambda data: data[:-1] + b"X"])
def test_a_torn_last_frame_is_left_out(tmp_path: Path, damage: object) -> None:
    spool = Spool(tmp_path, 10_000)
    spool.append(b"whole")
    spool.append(b"torn")
    spool.close()
    (file,) = tmp_path.glob("*.spool")
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]

    assert list(spool.frames()) == [b"whole"]


def test_the_bound_is_kept_over_all_processes(tmp_path: Path) -> None:
    one, other = Spool(tmp_path, 100), Spool(tmp_path, 100)
    one.append(b"x" * 60)

    with pytest.raises(SpoolFullError):
        other.append(b"y" * 60)


def test_a_disk_that_takes_half_a_frame_refuses_it_and_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, 10_000)
    spool.append(b"one")
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", _no_space)
        with pytest.raises(OSError, match="No space"):
            spool.append(b"refused")
    spool.append(b"two")

    assert sorted(spool.frames()) == [b"one", b"two"]


def _no_space(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
