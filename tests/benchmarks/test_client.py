"""The load's end of a WebSocket misses no frame and counts none twice, however they are cut."""

import pytest

from benchmarks.rooms.client import Client, masked

_TEXTS = [b'{"event":"pong"}', b'{"event":"typing:started","data":"' + b"x" * 300 + b'"}', b"{}"]
_MARK = b'"typing:st'


def frames() -> bytes:
    heads = [b"\x81%c" % len(t) if len(t) < 126 else b"\x81\x7e\x01\x50" for t in _TEXTS]
    assert len(_TEXTS[1]) == 0x150
    return b"".join(head + text for head, text in zip(heads, _TEXTS, strict=True))


def upgraded() -> Client:
    client = Client(b"")
    client.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    return client


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1_000])
def test_frames_are_found_however_they_are_cut(size: int) -> None:
    client, heard = upgraded(), []
    client.heard = lambda _, text: heard.append(text)
    wire = frames()
    for start in range(0, len(wire), size):
        client.data_received(wire[start : start + size])

    assert heard == _TEXTS


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1_000])
def test_each_mark_is_counted_once_however_frames_are_cut(size: int) -> None:
    client, counted = upgraded(), []
    client.tally(_MARK, counted.append)
    wire = frames() * 3
    for start in range(0, len(wire), size):
        client.data_received(wire[start : start + size])

    assert sum(counted) == client.count == 3


def test_what_is_sent_is_masked() -> None:
    text = b'{"event":"ping"}' * 10
    wire = masked(text)
    head, key, covered = wire[:4], wire[4:8], wire[8:]

    assert head == b"\x81\xfe\x00\xa0"
    assert bytes(byte ^ key[at % 4] for at, byte in enumerate(covered)) == text
