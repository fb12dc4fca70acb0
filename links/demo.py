"""A small story for newcomers: a few links with three weeks of clicks, made on the public roads.

The same every time but for the day it is loaded on. The clicks enter by the stream like any other,
with moments of the past in their ids, so every figure of the demo can be reconciled.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from accounts.models import User
from links import events
from links.clicks.drain import drain_once
from links.models import (
    Campaign,
    ClickIssuer,
    ClicksByDay,
    ClicksByQuarter,
    Link,
    MarkedClick,
    Visitor,
)
from links.redirect.click import FIELD, STREAM, ClickBatch, ClickEvent, encode_batch, new_event_id
from links.services import create_campaign, create_link
from monitoring.redis import durable

USERNAME = "demo"
DAYS = 21
_ISSUER = UUID("d3e0d3e0-0000-4000-8000-000000000000").bytes
_BATCH = 500


class Story(NamedTuple):
    """A link, and how many clicks a day it gets when it is young."""

    fields: dict[str, Any]
    clicks: int
    countries: str
    referrers: tuple[str, ...]


_STORIES = (
    Story(
        {
            "slug": "handbook",
            "url": "https://docs.python.org/3/",
            "title": "Community handbook",
            "tags": ["docs"],
        },
        60,
        "US US US GB DE IN IN BR JP",
        ("", "", "https://www.google.com/", "https://github.com/"),
    ),
    Story(
        {
            "slug": "spring-meetup",
            "url": "https://www.djangoproject.com/",
            "title": "Spring meetup: sign up",
            "tags": ["event", "newsletter"],
            "utm": {"utm_source": "newsletter", "utm_campaign": "spring"},
            "variants": [
                {"name": "short page", "url": "https://www.djangoproject.com/start/", "weight": 1},
                {"name": "long page", "url": "https://www.djangoproject.com/", "weight": 1},
            ],
        },
        90,
        "DE DE DE AT CH FR NL US",
        ("", "https://mastodon.social/@us", "https://news.ycombinator.com/"),
    ),
    Story(
        {
            "slug": "get-the-app",
            "url": "https://example.com/app",
            "title": "Get the app",
            "tags": ["app"],
            "rules": [
                {"name": "iPhone", "when": {"os": ["iOS"]}, "url": "https://example.com/ios"},
                {"name": "Android", "when": {"os": ["Android"]}, "url": "https://example.com/apk"},
            ],
        },
        40,
        "US BR BR MX ID NG PH IN",
        ("https://www.instagram.com/", "https://www.tiktok.com/", ""),
    ),
)
_AGENTS = (
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.5 Safari/605.1.15"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        "Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Mobile Safari/537.36"
    ),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
)
_AGENT_WEIGHTS = (30, 14, 9, 24, 20, 3)
_LANGUAGES = ("en-US,en;q=0.9", "de-DE,de;q=0.9", "fr;q=0.8", "pt-BR", "es")
# Share of a day's clicks by hour of UTC: quiet at night, two peaks.
_HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 8, 9, 8, 7, 8, 9, 9, 8, 7, 7, 8, 9, 7, 5, 3, 2)


def is_loaded() -> bool:
    return User.objects.filter(username=USERNAME).exists()


def load(password: str) -> int:
    """Make the demo's operator, links and clicks; returns how many clicks."""
    with transaction.atomic():
        operator = User.objects.create(
            username=USERNAME, is_staff=True, is_superuser=True, password=make_password(password)
        )
        campaign = create_campaign(owner=operator, name="Spring")
        links = [
            create_link(owner=operator, campaign=campaign, **story.fields) for story in _STORIES
        ]
    issued = 0
    events = _events(links)
    while batch := list(islice(events, _BATCH)):
        issued += len(batch)
        _send(batch, issued)
    while (drained := drain_once(durable())) is None or drained.entries:
        pass
    return issued


@transaction.atomic
def clear() -> None:
    """Remove the demo and every trace of it, clicks of others on its links included."""
    mine = list(Link.objects.filter(owner__username=USERNAME))
    links = [link.pk for link in mine]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM links_click WHERE link_id = ANY(%s)", [links])
    for model in (MarkedClick, Visitor, ClicksByDay, ClicksByQuarter):
        model.objects.filter(link_id__in=links).delete()
    ClickIssuer.objects.filter(pk=UUID(bytes=_ISSUER)).delete()
    Link.objects.filter(pk__in=links).delete()
    for link in mine:
        transaction.on_commit(partial(events.withdraw, (link.domain, link.slug_key)))
    Campaign.objects.filter(owner__username=USERNAME).delete()
    User.objects.filter(username=USERNAME).delete()


def _send(events: list[ClickEvent], issued: int) -> None:
    batch = ClickBatch(_ISSUER, issued, 0, events)
    durable().xadd(STREAM, {FIELD: encode_batch(batch)})


def _events(links: list[Link]) -> Iterator[ClickEvent]:
    chance = random.Random(1)  # noqa: S311 - a story, no secret
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(DAYS):
        start = today - timedelta(days=DAYS - day)
        for story, link in zip(_STORIES, links, strict=True):
            # Weekends are quieter, and interest grows until a week ago.
            mood = (0.5 if start.weekday() > 4 else 1.0) * (0.6 + min(day, 14) / 14)
            for _ in range(round(story.clicks * mood)):
                yield _event(chance, story, link, start)


def _event(chance: random.Random, story: Story, link: Link, day: datetime) -> ClickEvent:
    hour = chance.choices(range(24), _HOURS)[0]
    at = day + timedelta(hours=hour, seconds=chance.uniform(0, 3600))
    agent = chance.choices(_AGENTS, _AGENT_WEIGHTS)[0]
    rules = ("iPhone", "Android") if link.rules else ()
    return ClickEvent(
        id=round(at.timestamp() * 1000).to_bytes(6) + new_event_id()[6:],
        link=link.pk,
        agent=agent,
        referrer=chance.choice(story.referrers),
        language=chance.choice(_LANGUAGES),
        country=chance.choice(story.countries.split()),
        visitor=chance.randrange(400).to_bytes(8),
        rule=next((name for name in rules if name in agent), ""),
        variant=chance.choice(link.variants)["name"] if link.variants else "",
    )
