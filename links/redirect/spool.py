"""Clicks on disk while Redis is away: append-only files of checked frames, fsynced before a 302.

A frame is `length, crc32, payload`. Each process writes files of its own and holds a lock on the
one that is open, so files of dead processes can be told apart and replayed by anybody. Replaying a
frame twice is harmless (event ids), so a file is removed only after its last frame was taken.
"""

import errno
import fcntl
import os
import struct
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import structlog

log = structlog.get_logger(__name__)

_HEADER = struct.Struct(">II")
SUFFIX = ".spool"
MAX_FILE_BYTES = 64 * 1024 * 1024


class SpoolFullError(Exception):
    """The spool's bound is reached; the batch was not written."""


class Spool:
    """One process's spool files in a directory that all processes of a machine share."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._file: BinaryIO | None = None
        # The writer's thread and the replayer's meet here.
        self._lock = threading.Lock()

    def append(self, payload: bytes) -> None:
        """Write one frame and fsync it. SpoolFullError at the bound, OSError from the disk."""
        with self._lock:
            self._append(payload)

    def close(self) -> None:
        """Let go of the open file: what it holds may be replayed; the next frame opens another."""
        with self._lock:
            self._close()

    def _append(self, payload: bytes) -> None:
        if self.size() + len(payload) > self._max_bytes:
            raise SpoolFullError(f"the spool holds {self._max_bytes} bytes")
        file = self._open()
        start = file.tell()
        try:
            _write(file, _HEADER.pack(len(payload), zlib.crc32(payload)) + payload)
        except OSError:
            # Whatever stands there now was refused, and must not be replayed one day. The next
            # frame goes to a file of its own.
            file.truncate(start)
            self._close()
            raise
        if file.tell() >= MAX_FILE_BYTES:
            self._close()

    def size(self) -> int:
        """Bytes of all spool files in the directory, of every process."""
        return sum(_size(path) for path in self._paths())

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def replay(self, send: Callable[[bytes], object]) -> int:
        """Give every frame of every unlocked file to `send`; a file is removed when all of its
        frames were taken. Returns the number of frames. What `send` raises ends the replay, and
        nothing is lost by it."""
        return sum(self._replay_file(path, send) for path in self._paths())

    def frames(self) -> Iterator[bytes]:
        """Every whole frame that waits, files in use included; for accounts, nothing is taken."""
        for path in self._paths():
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue
            yield from read_frames(data)

    def _paths(self) -> list[Path]:
        return sorted(self._directory.glob(f"*{SUFFIX}"))

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._directory.mkdir(parents=True, exist_ok=True)
            # The lock shows that the writer lives; the kernel lets go of it when the writer dies.
            # It is taken under a name that nobody replays, so there is no moment without it.
            nascent = self._directory / f"{uuid.uuid4().hex}.new"
            file = nascent.open("xb", buffering=0)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            nascent.rename(nascent.with_suffix(SUFFIX))
            _sync_directory(self._directory)
            self._file = file
        return self._file

    def _replay_file(self, path: Path, send: Callable[[bytes], object]) -> int:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return 0
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            sent = 0
            for frame in read_frames(file.read()):
                send(frame)
                sent += 1
            path.unlink(missing_ok=True)
        return sent


def read_frames(data: bytes) -> Iterator[bytes]:
    """The whole frames of a file's content. A torn one ends it: nobody was answered for that."""
    position = 0
    while position + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        payload = data[position : position + length]
        if len(payload) < length or zlib.crc32(payload) != checksum:
            log.warning("spool_frame_torn", position=position)
            return
        yield payload
        position += length


def _write(file: BinaryIO, frame: bytes) -> None:
    """All of it, on the disk; a disk that is nearly full takes a part without complaint."""
    if file.write(frame) < len(frame):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
