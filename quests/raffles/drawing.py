"""The draw itself, for anybody to redo: it needs this file, Python, and what was published.

1. The entrants, which are texts, are sorted. Their digest is the SHA-256 of them all, each followed
   by a line feed.
2. key = HMAC-SHA256(seed, "rallypoint-raffle-1", LF, winners, LF, digest, LF, beacon), in UTF-8,
   numbers in decimal. HMAC is a pseudorandom function (RFC 2104; Bellare, CRYPTO 2006): without the
   seed nobody can tell the key, and whoever fixed the seed before the entrants cannot steer it.
3. The stream is HMAC-SHA256(key, 0), HMAC-SHA256(key, 1), ... with the counter in 8 bytes, the
   highest first: a PRF in counter mode, as in NIST SP 800-108r1, section 4.1.
4. A number below n is the next 8 bytes of the stream, the highest first, modulo n; what is not
   below the largest multiple of n is thrown away first, so that no remainder is likelier than
   another: the simple discard method of NIST SP 800-90A Rev. 1, appendix A.5.1.
5. Winners are taken one by one without replacement, by the first steps of a shuffle (Durstenfeld,
   CACM 7, 1964, algorithm 235; Knuth, TAOCP volume 2, section 3.4.2, algorithm P): for i = 0, 1 and
   so on, place i changes with place i + a number below (entrants - i); whoever is at i then wins.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from itertools import count

ALGORITHM = "rallypoint-raffle-1"
SEED_BYTES = 32
_WORD = 8


def commitment_of(seed: bytes) -> str:
    return hashlib.sha256(seed).hexdigest()


def canonical(entrants: Sequence[str]) -> list[str]:
    """In the order that is drawn from. ValueError when somebody is in it twice."""
    ordered = sorted(entrants)
    if len(set(ordered)) < len(ordered) or any("\n" in entrant for entrant in ordered):
        raise ValueError("Each entrant is one line, and stands in the list once.")
    return ordered


def digest_of(entrants: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for entrant in canonical(entrants):
        digest.update(f"{entrant}\n".encode())
    return digest.hexdigest()


def draw(seed: bytes, beacon: str, entrants: Sequence[str], winners: int) -> list[str]:
    """Who wins, the first place first; all of them when there are no more than `winners`."""
    row = canonical(entrants)
    stated = f"{ALGORITHM}\n{winners}\n{digest_of(row)}\n{beacon}"
    words = _words(hmac.digest(seed, stated.encode(), "sha256"))
    taken = min(winners, len(row))
    for place in range(taken):
        other = place + _below(len(row) - place, words)
        row[place], row[other] = row[other], row[place]
    return row[:taken]


def _words(key: bytes) -> Iterator[int]:
    for counter in count():
        block = hmac.digest(key, counter.to_bytes(8, "big"), "sha256")
        for start in range(0, len(block), _WORD):
            yield int.from_bytes(block[start : start + _WORD], "big")


def _below(bound: int, words: Iterator[int]) -> int:
    every = 1 << (8 * _WORD)
    usable = every - every % bound
    return next(word for word in words if word < usable) % bound
