"""How kept values are written: small, versioned, and never run."""

import pickle
import random
import time
import zlib

import msgspec
import pytest

from monitoring.cache import entries
from monitoring.cache.entries import Entry, is_due, pack, unpack


def entry(value: object = 1, *, ends_in: float = 60, cost: float = 1) -> Entry:
    raw = msgspec.Raw(msgspec.msgpack.encode(value))
    return Entry(time.time() + ends_in, cost, [b"generation"], raw)


def test_a_large_value_is_kept_small_and_comes_back_whole() -> None:
    kept = entry(["the same words"] * 1_000)

    raw = pack(kept)

    assert len(raw) < len(kept.value) / 10
    found = unpack(raw)
    assert found is not None
    assert bytes(found.value) == bytes(kept.value)
    assert found.generations == [b"generation"]


def test_what_cannot_be_made_smaller_is_left_as_it_is() -> None:
    kept = entry(random.Random(7).randbytes(4_000))
    assert bytes(kept.value) in pack(kept)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b"\x00anything",
        b"\x03" + pack(entry("of another version"))[1:],
        b"\x01\x93",
        b"\x02no zlib",
        pickle.dumps(["foreign"]),
        b"\x02" + zlib.compress(pack(entry("whole"))[1:])[:-4],
    ],
    # Some hold the time: every process of a run must know them by the same name.
    ids=["none", "empty", "no-mark", "other-version", "short", "no-zlib", "pickle", "cut-off"],
)
def test_what_is_no_entry_of_ours_is_none(raw: bytes | None) -> None:
    assert unpack(raw) is None


def test_a_small_entry_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = pack(entry("x" * 100_000))
    assert unpack(raw)

    monkeypatch.setattr(entries, "MAX_BYTES", 10_000)
    assert unpack(raw) is None


def test_renewing_comes_the_earlier_the_longer_computing_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("monitoring.cache.entries.random.random", lambda: 1 - 1 / 2.718281828)

    assert not is_due(entry(ends_in=10, cost=5))
    assert is_due(entry(ends_in=10, cost=11))


def test_few_are_asked_to_renew_what_is_far_from_its_end() -> None:
    far, near = entry(ends_in=60, cost=0.01), entry(ends_in=0.001, cost=0.1)

    assert not any(is_due(far) for _ in range(1_000))
    assert sum(is_due(near) for _ in range(1_000)) > 900
