"""Where a visitor would be sent, and why: the redirect's own decision, with nothing counted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from links.models import Link
from links.redirect import target as targets
from links.redirect.decision import Decision, Outcome, Step, decide
from links.redirect.visitors import VisitorHasher
from links.routing import Visit, primary_language
from links.states import admitted, is_used_up


def explain_link(
    link: Link,
    *,
    user_agent: str,
    country: str,
    language: str,
    at: datetime | None,
    query: str,
    unsaved: Mapping[str, Any] | None = None,
) -> Decision:
    """The decision for such a visitor at `at` (now unless given), and the trace of how it came.
    `unsaved` are columns as they would be after a change that is only tried.

    A password counts as entered: what is asked is where it leads.
    """
    row = Link.objects.filter(pk=link.pk).values(*targets.COLUMNS).get()
    target = targets.from_row(row | dict(unsaved or {}))
    visit = visit_of(user_agent=user_agent, country=country, language=language, at=at, query=query)
    decision = decide(target, visit, unlocked=True)
    trace = (*_conditions(link), *decision.trace)
    if decision.outcome is Outcome.REDIRECT and is_used_up(link):
        return Decision(Outcome.EXHAUSTED, link.expired_url, trace=trace)
    if decision.outcome is Outcome.EXPIRED:
        return decision._replace(url=link.expired_url, trace=trace)
    return decision._replace(trace=trace)


def visit_of(
    *, user_agent: str, country: str, language: str, at: datetime | None, query: str
) -> Visit:
    """As routing would see such a visitor."""
    return Visit(
        at=round((at or timezone.now()).timestamp() * 1000),
        agent_text=user_agent,
        country=country.upper(),
        language=primary_language(language),
        query=query.removeprefix("?"),
        identity=VisitorHasher(settings.SECRET_KEY.encode()).identity("", user_agent),
    )


def _conditions(link: Link) -> list[Step]:
    """What stands before the routing, as far as it concerns this link."""
    steps = []
    if link.has_password:
        steps.append(Step("password", "asked for; taken as entered"))
    if link.max_clicks is not None:
        steps.append(Step("maxClicks", f"{admitted(link)} of {link.max_clicks} used"))
    if link.max_clicks_per_minute is not None:
        steps.append(Step("maxClicksPerMinute", f"at most {link.max_clicks_per_minute}"))
    return steps
