"""What a visit to a link leads to. Pure: everything it needs comes in, nothing is counted."""

from enum import StrEnum
from typing import NamedTuple

from links.redirect.marks import is_personal
from links.redirect.target import Target
from links.routing import Visit, add_query, choose_variant, unmet_condition


class Outcome(StrEnum):
    REDIRECT = "redirect"
    UNKNOWN = "link_not_found"
    NOT_STARTED = "link_not_started"
    EXPIRED = "link_expired"
    EXHAUSTED = "link_click_limit_reached"
    DELETED = "link_deleted"
    PASSWORD_REQUIRED = "link_password_required"  # noqa: S105 - a name, no secret
    TOO_FAST = "link_too_many_clicks"


class Step(NamedTuple):
    """One line of the trace that `explain` shows: what was asked, and what came of it."""

    check: str
    result: str


class Decision(NamedTuple):
    outcome: Outcome
    url: str = ""
    rule: str = ""
    variant: str = ""
    trace: tuple[Step, ...] = ()


def decide(target: Target, visit: Visit, *, unlocked: bool = False) -> Decision:
    """Where `visit` goes. Click limits are not judged here: they need a claim (see limits)."""
    if refusal := _refusal(target, visit.at, unlocked=unlocked):
        return Decision(refusal, trace=(Step("availability", refusal.value),))
    url, rule, variant, trace = _route(target, visit)
    if target.forward_query and visit.query:
        url = add_query(url, _forwarded(visit))
        trace = (*trace, Step("forwardQuery", "added"))
    return Decision(Outcome.REDIRECT, url, rule, variant, trace)


def _refusal(target: Target, at: int, *, unlocked: bool) -> Outcome | None:
    if target.deleted:
        return Outcome.DELETED
    if target.starts_at is not None and at < target.starts_at:
        return Outcome.NOT_STARTED
    if target.expires_at is not None and at >= target.expires_at:
        return Outcome.EXPIRED
    if target.password_hash and not unlocked:
        return Outcome.PASSWORD_REQUIRED
    return None


def _forwarded(visit: Visit) -> dict[str, str]:
    """All but whose address it was: that is between her and us."""
    fields = visit.parameters.items()
    return {name: value for name, value in fields if not is_personal(name, value)}


def _route(target: Target, visit: Visit) -> tuple[str, str, str, tuple[Step, ...]]:
    trace: list[Step] = []
    for rule in target.rules:
        unmet = unmet_condition(rule.when, visit)
        trace.append(Step(f"rule {rule.name}", f"{unmet} does not match" if unmet else "matches"))
        if not unmet:
            return add_query(rule.url, target.utm), rule.name, "", tuple(trace)
    if target.variants:
        variant = choose_variant(target.id, target.variants, visit.identity)
        trace.append(Step("variants", variant.name))
        return add_query(variant.url, target.utm), "", variant.name, tuple(trace)
    return target.url, "", "", (*trace, Step("target", "the link's own"))
