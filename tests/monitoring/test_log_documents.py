"""docs/logs.md asks for events that our lines have."""

import re
from pathlib import Path

from django.conf import settings

DOCUMENT = (settings.BASE_DIR / "docs" / "logs.md").read_text()
APPS = ("monitoring", "accounts", "links", "realtime", "quests")


def sources() -> str:
    files = (file for app in APPS for file in Path(settings.BASE_DIR, app).rglob("*.py"))
    return "\n".join(file.read_text() for file in files)


def test_the_events_that_queries_look_for_are_logged() -> None:
    named = set(re.findall(r'event ?= ?"(\w+)"', DOCUMENT)) | {"frame_failed"}
    assert {"request", "slow_query", "webhook_try_failed"} <= named
    logged = set(re.findall(r'log(?:ger)?\.\w+\(\s*"(\w+)"', sources()))
    assert named - logged == set()
