"""What is sent to be misread: by a pattern, a log, a browser that opens a file."""

import base64
import importlib
import json
import pkgutil
import re
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from links.models import Link
from quests.authoring.services import create_quest
from quests.models import Proof
from quests.progress import submit_step
from quests.reviews import image_of
from tests.monitoring.test_logs import lines
from tests.quests.conftest import PROOF
from tests.rules.source import PACKAGES, ROOT

# --- Patterns -------------------------------------------------------------------------------------
# Nobody may give us a pattern; ours must not take long over what anybody may give.
_LETTERS = (
    *("a", "0", " ", "\t", "\n", "/", ".", "-", "_", "@", ":", "(", "[", "{", '"', "'", "\\", "%"),
    *("=", "<", "&", "#", "'+", "a.", "a-", "a@", "0.", "1:", "%s,", "(%s),", "/*", "=a", "token=",
      "bearer ", "eyJ", "eyJa.", "rp_a_", "://", "://a:", "?p=", "<meta ", "charset=", "DETAIL: ",
      "www.", "a/", "0x", "é", "\u200b", '\\"', "{}", "::", "e+"),
)  # fmt: skip
_LENGTH = 4_000
_MOST_SECONDS = 0.5  # of this thread's own time; what grows exponentially would take for ever


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for package in PACKAGES:
        found = pkgutil.walk_packages([str(ROOT / package)], f"{package}.")
        names = [one.name for one in found if not _is_program(one.name)]
        for name in (package, *names):
            for attribute, value in vars(importlib.import_module(name)).items():
                if isinstance(value, re.Pattern):
                    yield f"{name}.{attribute}", value


def _is_program(name: str) -> bool:
    """What does its work when it is imported."""
    return name.endswith("__main__") or name in {
        "config.asgi", "config.wsgi", "config.gunicorn", "config.settings", "config.worker",
    }  # fmt: skip


def test_no_pattern_of_ours_takes_long_over_anything() -> None:
    slow, seen = [], 0
    for name, pattern in patterns():
        seen += 1
        for letters in _LETTERS:
            hostile = letters * (_LENGTH // len(letters)) + "\x01!"
            text: Any = hostile.encode() if isinstance(pattern.pattern, bytes) else hostile
            for look in (pattern.fullmatch, pattern.search):
                begun = time.thread_time()
                look(text)
                if (took := time.thread_time() - begun) > _MOST_SECONDS:
                    slow.append((name, letters, round(took, 2)))
    assert seen > 50
    assert not slow


# --- Logs -----------------------------------------------------------------------------------------
FORGED = '{"event": "forged", "level": "critical"}'


@pytest.mark.parametrize("end", ["\\n", "\\r\\n", "\\r", "\\x0b", "\\x85", "\\u2028", "\\x1b[2K"])
def test_a_line_break_in_what_somebody_says_begins_no_line_of_the_log(end: str) -> None:
    said = lines(
        f"text = 'ada{end}' + {FORGED!r}\n"
        "structlog.get_logger('a').info('said', name=text)\n"
        "structlog.get_logger('a').info(text)\n"
        "logging.getLogger('b').warning('said %s', text)\n"
        "logging.getLogger('b').warning(text)\n"
    )
    assert len(said) == 4
    assert not [line for line in said if line["event"] == "forged"]


# --- Files ----------------------------------------------------------------------------------------
_PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0\0\xff\xff" * 2 + b"\x08\x06\0\0\0"
_GIF, _JPEG = b"GIF89a", b"\xff\xd8\xff\xe0\0\x10JFIF\0"
_SCRIPT = b"<html><script>alert(1)</script></html>"
POLYGLOTS = [
    _PNG + _SCRIPT,
    _GIF + b"/*" + _SCRIPT + b"*/=1;alert(1)",
    _JPEG + b"<?php system($_GET[0]); ?>",
    _PNG + b"PK\x03\x04" + b"\0" * 26 + b"evil.html",
    _GIF + b"%PDF-1.7 /JS (app.alert(1))",
    _PNG + zlib.compress(b"\0" * 4_000_000),  # 65,535 points wide and high, says its head
]
NO_IMAGES = [
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><svg>&x;</svg>",
    b"\xef\xbb\xbf<svg onload=alert(1)>",
    _SCRIPT,
    b"PK\x03\x04" + b"\0" * 40,
    b"\x1f\x8b\x08" + b"\0" * 40,
    b"BM" + b"\0" * 60,
    b"\0\0\x01\0\x01\0",
    b"RIFF\0\0\0\0WAVE",
    b"",
]


@pytest.fixture
def number(operator: User) -> int:
    document = {"title": "A photo", "xpReward": 10, "status": "published", "steps": [PROOF]}
    return int(create_quest(document=document, actor=operator).number)


@pytest.mark.django_db
@pytest.mark.parametrize("image", POLYGLOTS, ids=range(len(POLYGLOTS)))
def test_an_image_that_is_something_else_too_is_never_shown_as_it(
    alice: User, number: int, image: bytes
) -> None:
    """Nothing here looks into it further than its first bytes, so nothing can be blown up; a
    browser saves it, whatever it would take it for."""
    answer = {"image": base64.b64encode(image).decode()}
    evidence = submit_step(player=alice, number=number, key="proof", answer=answer).evidence
    assert evidence
    given = image_of(evidence)
    assert given.content == image
    assert given.headers["Content-Disposition"].startswith("attachment;")
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    assert given.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.django_db
@pytest.mark.parametrize("image", NO_IMAGES, ids=range(len(NO_IMAGES)))
def test_what_is_no_image_is_not_kept(alice: User, number: int, image: bytes) -> None:
    client = APIClient()
    client.force_login(alice)
    body = {"stepId": "proof", "answer": {"image": base64.b64encode(image).decode()}}
    answer = client.put(f"/api/progress/update/{number}", body)
    assert (answer.status_code, Proof.objects.count()) == (400, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
@pytest.mark.parametrize("path", ["/api/links", "/api/links/import"])
def test_nothing_is_unpacked_that_was_packed_by_a_caller(
    alice: User, path: str, encoding: str
) -> None:
    """A thousand times its size, a small body would fill the memory."""
    packed = zlib.compress(json.dumps({"url": "https://example.com/" + "a" * 10**7}).encode(), 9)
    client = APIClient(headers={"Content-Encoding": encoding})
    client.force_login(alice)
    answer = client.generic("POST", path, packed, "application/json")
    assert answer.status_code in {400, 415}
    assert not Link.objects.exists()
