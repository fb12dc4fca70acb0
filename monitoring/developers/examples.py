"""The examples of docs/examples, as the page shows them: the very files, which the tests run."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

_LANGUAGES = {"sh": "curl", "py": "Python", "mjs": "JavaScript"}
# By the files' name, in the order of the page: title, and what is to be known before.
_ABOUT = {
    "sign_in": (
        "Sign in with a wallet",
        (
            "A nonce, a message, a signature. Operators and services have a password instead, for "
            "POST /api/auth/token."
        ),
    ),
    "links": (
        "Create a link and read its statistics",
        (
            "With a key of your own, from POST /api/auth/keys or manage.py create_api_key. Every "
            "click is counted before its redirect is sent; figures follow a second later."
        ),
    ),
    "quests": (
        "Do a quest: start, visit, answer, complete, and ask why",
        (
            "As a player. What the house sees by itself, such as a click or a message in a room, "
            "nobody sends in; it completes the quest when it was the last thing missing."
        ),
    ),
    "webhook": (
        "Receive a webhook and check its signature",
        "In the form of Standard Webhooks: its libraries verify them as they are.",
    ),
    "room": (
        "Join a room",
        "Over /ws/; or as Server-Sent Events where sockets are blocked.",
    ),
}


class Source(NamedTuple):
    language: str
    name: str
    text: str


class Example(NamedTuple):
    key: str
    title: str
    about: str
    sources: list[Source]


def folder() -> Path:
    return Path(settings.BASE_DIR, "docs", "examples")


@lru_cache(maxsize=1)
def examples() -> list[Example]:
    """Read once; a file that is not there is not shown."""
    return [Example(key, title, text, _sources(key)) for key, (title, text) in _ABOUT.items()]


def _sources(key: str) -> list[Source]:
    files = [(language, folder() / f"{key}.{end}") for end, language in _LANGUAGES.items()]
    return [Source(name, file.name, file.read_text()) for name, file in files if file.exists()]
