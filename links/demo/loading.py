"""A small story for newcomers: a few links with three weeks of clicks, made on the public roads.

The same every time but for the day it is loaded on. The clicks enter by the stream like any other,
with moments of the past in their ids, so every figure of the demo can be reconciled.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from accounts.models import User
from links import events
from links.clicks.drain import drain_once
from links.demo.story import AGENT_WEIGHTS, AGENTS, HOURS, LANGUAGES, STORIES, Story
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
from links.redirect.marks import cookie_name, mark_of
from links.services import create_campaign, create_link
from monitoring.redis import durable

USERNAME = "demo"
DAYS = 21
_ISSUER = UUID("d3e0d3e0-0000-4000-8000-000000000000").bytes
_BATCH = 500


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
            create_link(owner=operator, campaign=campaign, **story.fields) for story in STORIES
        ]
    issued = 0
    events = _events(links)
    while batch := list(islice(events, _BATCH)):
        issued += len(batch)
        _send(batch, issued)
    _drain()
    return issued


def open_addresses(visits: Iterable[tuple[str, str]]) -> list[str]:
    """Somebody opens each of these personal addresses now, in the browser that has this cookie, as
    the redirect would tell of it. Ids of the clicks, which are stored and verified by then."""
    links = {link.slug: link.pk for link in Link.objects.filter(owner__username=USERNAME)}
    clicks = [_visit(links, address, browser) for address, browser in visits]
    known = ClickIssuer.objects.get(pk=UUID(bytes=_ISSUER)).issued
    _send(clicks, known + len(clicks))
    _drain()
    return [click.id.hex() for click in clicks]


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


def _visit(links: dict[str, int], address: str, browser: str) -> ClickEvent:
    parts = urlsplit(address)
    cookie = cookie_name(https=settings.HTTPS)
    scope = {
        "query_string": parts.query.encode(),
        "headers": [(b"cookie", f"{cookie}={browser}".encode())],
    }
    return ClickEvent(
        id=new_event_id(),
        link=links[parts.path[1:]],
        agent=AGENTS[0],
        language=LANGUAGES[0],
        country="DE",
        visitor=browser.encode()[:8],
        mark=mark_of(scope, cookie.encode()),
    )


def _drain() -> None:
    while (drained := drain_once(durable())) is None or drained.entries:
        pass


def _send(events: list[ClickEvent], issued: int) -> None:
    batch = ClickBatch(_ISSUER, issued, 0, events)
    durable().xadd(STREAM, {FIELD: encode_batch(batch)})


def _events(links: list[Link]) -> Iterator[ClickEvent]:
    chance = random.Random(1)  # noqa: S311 - a story, no secret
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(DAYS):
        start = today - timedelta(days=DAYS - day)
        for story, link in zip(STORIES, links, strict=True):
            # Weekends are quieter, and interest grows until a week ago.
            mood = (0.5 if start.weekday() > 4 else 1.0) * (0.6 + min(day, 14) / 14)
            for _ in range(round(story.clicks * mood)):
                yield _event(chance, story, link, start)


def _event(chance: random.Random, story: Story, link: Link, day: datetime) -> ClickEvent:
    hour = chance.choices(range(24), HOURS)[0]
    at = day + timedelta(hours=hour, seconds=chance.uniform(0, 3600))
    agent = chance.choices(AGENTS, AGENT_WEIGHTS)[0]
    rules = ("iPhone", "Android") if link.rules else ()
    return ClickEvent(
        id=round(at.timestamp() * 1000).to_bytes(6) + new_event_id()[6:],
        link=link.pk,
        agent=agent,
        referrer=chance.choice(story.referrers),
        language=chance.choice(LANGUAGES),
        country=chance.choice(story.countries.split()),
        visitor=chance.randrange(400).to_bytes(8),
        rule=next((name for name in rules if name in agent), ""),
        variant=chance.choice(link.variants)["name"] if link.variants else "",
    )
