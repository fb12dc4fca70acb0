"""What is known of a click once its texts are read: the values that charts break down by."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from links.agents import parse_agent
from links.redirect.click import ClickEvent, moment_of
from links.routing import primary_language

MAX_HOST = 253


class EnrichedClick(NamedTuple):
    """A row of links_click, in the order of its columns."""

    event_id: bytes
    at: datetime
    link_id: int
    is_bot: bool
    visitor: bytes | None
    country: str
    language: str
    referrer: str
    browser: str
    os: str
    device: str
    variant: str
    rule: str


def enrich(event: ClickEvent) -> EnrichedClick:
    """A private click (DNT, GPC) is told apart from bots, and nothing else is kept of it."""
    agent = parse_agent(event.agent)
    at = datetime.fromtimestamp(moment_of(event.id) / 1000, UTC)
    if event.private:
        return EnrichedClick(event.id, at, event.link, agent.is_bot, None, *[""] * 8)
    return EnrichedClick(
        event.id,
        at,
        event.link,
        agent.is_bot,
        None if agent.is_bot else event.visitor or None,
        event.country,
        _language(event.language),
        referrer_host(event.referrer),
        agent.browser,
        agent.os,
        agent.device,
        event.variant[:60],
        event.rule[:60],
    )


_language = lru_cache(maxsize=4096)(primary_language)


@lru_cache(maxsize=8192)
def referrer_host(referrer: str) -> str:
    """The host that sent the visitor, without "www."; "" for none and for what is no address."""
    try:
        host = urlsplit(referrer).hostname or ""
    except ValueError:
        return ""
    host = host.lower().removeprefix("www.")
    return host if host.isprintable() and len(host) <= MAX_HOST else ""
