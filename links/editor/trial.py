"""A visitor made up, and what the link does with them: the answer of links.explanation, in
sentences. Nothing is counted."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from links.agents import MAX_AGENT_LENGTH, parse_agent
from links.explanation import explain_link, visit_of
from links.forms import MomentField, address_input
from links.models import Link
from links.redirect.decision import Decision, Outcome
from links.routing import Conditions, Rule, Visit, unmet_condition

_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
_ON_IOS = "Mobile/15E148 Safari/604.1"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
AGENTS = {
    "iphone": (
        "iPhone, Safari",
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_APPLE} {_ON_IOS}",
    ),
    "android": (
        "Android phone, Chrome",
        f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_CHROME} Mobile Safari/537.36",
    ),
    "ipad": (
        "iPad, Safari",
        f"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) {_APPLE} {_ON_IOS}",
    ),
    "windows": (
        "Windows, Chrome",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
    ),
    "mac": (
        "Mac, Safari",
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_APPLE} Safari/605.1.15",
    ),
    "linux": (
        "Linux, Firefox",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    "googlebot": (
        "Googlebot",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ),
}
_OUTCOMES = {
    Outcome.NOT_STARTED: "The link is not open yet.",
    Outcome.EXPIRED: "The link has ended.",
    Outcome.EXHAUSTED: "The link has been used as often as it may be.",
    Outcome.DELETED: "The link was removed.",
}
_SUBJECTS = {
    "device": "the device",
    "os": "the system",
    "browser": "the browser",
    "country": "the country",
    "language": "the language",
}
_CHECKS = {
    "password": "Password",
    "maxClicks": "Most clicks",
    "maxClicksPerMinute": "Most clicks a minute",
    "availability": "Is it open?",
    "variants": "Variants",
    "target": "Target",
    "forwardQuery": "What follows “?”",
}


class Step(NamedTuple):
    """`tone` is that of a badge: good, bad, or "" where nothing was asked."""

    check: str
    answer: str
    tone: str = ""


class Verdict(NamedTuple):
    url: str
    sentence: str
    steps: list[Step]


class TrialForm(forms.Form):
    """Who comes, from where and when. Nothing said is a phone that comes now."""

    agent = forms.ChoiceField(
        label="Visitor",
        required=False,
        choices=[*((key, name) for key, (name, _) in AGENTS.items()), ("own", "As typed below")],
    )
    agent_text = forms.CharField(
        label="Own User-Agent", required=False, max_length=MAX_AGENT_LENGTH, widget=address_input()
    )
    country = forms.CharField(
        required=False, max_length=2, widget=address_input("DE"), help_text="Two letters."
    )
    language = forms.CharField(
        required=False,
        max_length=200,
        widget=address_input("de-AT, en;q=0.8"),
        help_text="As browsers send it.",
    )
    query = forms.CharField(
        label="In the short address after “?”",
        required=False,
        max_length=2000,
        widget=address_input("ref=poster"),
    )
    at = MomentField("When", "Now, unless you say.")
    prefetch = forms.BooleanField(label="Only a prefetch or a preview", required=False)

    def clean_country(self) -> str:
        country = str(self.cleaned_data["country"])
        if country and not (country.isascii() and country.isalpha() and len(country) == 2):
            raise ValidationError("A country has two letters, as DE.", code="code")
        return country.upper()

    @property
    def user_agent(self) -> str:
        agent = self.cleaned_data["agent"] or next(iter(AGENTS))
        return str(self.cleaned_data["agent_text"]) if agent == "own" else AGENTS[agent][1]

    def verdict(self, link: Link, unsaved: Mapping[str, Any] | None = None) -> Verdict:
        said = {name: self.cleaned_data[name] for name in ("country", "language", "at", "query")}
        said |= {"at": said["at"] or timezone.now(), "user_agent": self.user_agent}
        decision = explain_link(link, **said, unsaved=unsaved)
        rules = (unsaved or {}).get("rules", link.rules)
        visit = visit_of(**said)
        steps = [*_steps(decision, rules, visit), self._counting(decision)]
        return Verdict(decision.url, _sentence(decision), steps)

    def _counting(self, decision: Decision) -> Step:
        if decision.outcome is not Outcome.REDIRECT:
            return Step("Counted?", "No: nobody was sent on.", "bad")
        if self.cleaned_data["prefetch"]:
            return Step("Counted?", "No: a prefetch is answered, and is not a click.", "bad")
        if parse_agent(self.user_agent).is_bot:
            return Step("Counted?", "Yes, among the bots.", "good")
        return Step("Counted?", "Yes, among the people.", "good")


def _sentence(decision: Decision) -> str:
    if decision.outcome is not Outcome.REDIRECT:
        refusal = _OUTCOMES.get(decision.outcome, "Nobody is sent on.")
        return f"{refusal} Visitors go to:" if decision.url else refusal
    if decision.rule:
        return f"By the rule “{decision.rule}” this visitor goes to:"
    if decision.variant:
        return f"As one of those who get the variant “{decision.variant}”, this visitor goes to:"
    return "This visitor goes to the own target of the link:"


def _steps(decision: Decision, rules: list[dict[str, Any]], visit: Visit) -> Iterator[Step]:
    by_name = {rule["name"]: msgspec.convert(rule, Rule) for rule in rules}
    for check, result in decision.trace:
        kind, _, name = check.partition(" ")
        if kind == "rule" and name in by_name:
            yield _rule_step(by_name[name], visit)
        elif check == "variants":
            yield Step("Variants", f"“{result}”: each visitor keeps to one.", "good")
        elif check == "availability":
            yield Step(_CHECKS[check], _OUTCOMES.get(decision.outcome, result), "bad")
        else:
            yield Step(_CHECKS.get(check, check), f"{result[:1].upper()}{result[1:]}.")


def _rule_step(rule: Rule, visit: Visit) -> Step:
    unmet = unmet_condition(rule.when, visit)
    if not unmet:
        return Step(f"Rule “{rule.name}”", "Yes: all of it holds.", "good")
    return Step(f"Rule “{rule.name}”", f"No, because {_why_not(unmet, rule.when, visit)}.", "bad")


def _why_not(unmet: str, when: Conditions, visit: Visit) -> str:
    if unmet == "query":
        wanted = ", ".join(f"{name}={value}" for name, value in (when.query or {}).items())
        return f"the address does not say {wanted}"
    if unmet == "startsAt":
        return f"it begins {_moment(when.starts_at)}"
    if unmet == "endsAt":
        return f"it ended {_moment(when.ends_at)}"
    agent = visit.agent
    has = {
        "device": agent.device,
        "os": agent.os,
        "browser": agent.browser,
        "country": visit.country,
        "language": visit.language,
    }[unmet]
    wanted = " or ".join(getattr(when, unmet))
    return f"{_SUBJECTS[unmet]} is {has or 'unknown'}, not {wanted}"


def _moment(moment: Any) -> str:
    local = timezone.localtime(moment)
    return f"{local.day} {local:%b %Y, %H:%M}"
