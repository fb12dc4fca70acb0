"""Opening a short link of the house: the redirect saw it, nobody had to say so."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet, Subquery

from links.events import clicks_recorded
from links.models import Link, MarkedClick, VisitOutcome
from links.slugs import slug_key
from monitoring.wire.problems import Problem
from quests.models import Evidence
from quests.requirements.base import Config, Disregarded, Fact, Place, only, whole_number
from quests.requirements.observed import Observed, OpenAttempt, Span, open_attempts

_MOST_CLICKS = 100
_LONGEST_DWELL = 3_600

_FACTS = """
    SELECT person.id, link.domain || '/' || link.slug, click.at,
        replace(click.event_id::text, '-', '')
    FROM links_markedclick click
    JOIN links_link link ON link.id = click.link_id
    JOIN accounts_user person ON person.public_id = CASE
        WHEN click.subject ~ '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
        THEN click.subject::uuid END
    WHERE click.outcome = 'counted' AND {which}
"""
_PLACE = "(step.config ->> 'domain') || '/' || (step.config ->> 'link')"
_WHY_NOT = {
    VisitOutcome.BOT: "It was opened by a program, not by a browser.",
    VisitOutcome.EXPIRED: "The address had expired. Take a new one from the quest's page.",
    VisitOutcome.OTHER_LINK: "The address was that of another link.",
    VisitOutcome.OTHER_BROWSER: "It was opened in another browser than the one it was given to.",
}


class VisitLink(Observed):
    """`{"link": "meetup", "dwellSeconds": 10, "sameBrowser": true}`: the slug of a short link.

    The player opens it by an address of her own, which expires; bots, previews and addresses that
    were passed on do not count. With `dwellSeconds` she must come back to the quest's page, and not
    before so many seconds. `domain` says which link domain it is on, if not the main one.
    """

    name = "visit_link"
    title = "Open a link"
    announced = clicks_recorded

    def clean(self, config: Config) -> dict[str, Any]:
        only(config, "link", "domain", "dwellSeconds", "sameBrowser")
        slug, domain = config.get("link"), config.get("domain", "")
        if not isinstance(slug, str) or not isinstance(domain, str):
            raise ValueError("“link” is the slug of a short link.")  # noqa: TRY004 - the caller's mistake
        same = config.get("sameBrowser", not domain)
        if not isinstance(same, bool):
            raise ValueError("“sameBrowser” is true or false.")  # noqa: TRY004 - the caller's mistake
        if same and domain:
            raise ValueError("Cookies do not go to another domain: “sameBrowser” is false there.")
        if (link := find_link(slug, domain)) is None:
            raise ValueError(f"There is no short link “{slug}”.")
        dwell = whole_number(config, "dwellSeconds", 0, at_least=0, at_most=_LONGEST_DWELL)
        return {"link": link.slug, "domain": domain, "dwellSeconds": dwell, "sameBrowser": same}

    def public(self, config: Config) -> dict[str, Any]:
        return {"link": config["link"], "dwellSeconds": config["dwellSeconds"]}

    def concerned(self, ids: Sequence[Any]) -> list[OpenAttempt]:
        return self._open("click.event_id = ANY(%(ids)s::uuid[])", ids=list(ids))

    def missed(self, span: Span) -> list[OpenAttempt]:
        which = "click.recorded_at > %(since)s AND click.recorded_at <= %(until)s"
        return self._open(which, **span._asdict())

    def _open(self, which: str, **values: Any) -> list[OpenAttempt]:
        return open_attempts(_FACTS.format(which=which), kind=self.name, place=_PLACE, **values)

    def find(self, place: Place) -> Iterable[Fact]:
        if place.step.config["dwellSeconds"]:
            return  # it counts from her return on
        for click in (
            _clicks(place).filter(outcome=VisitOutcome.COUNTED).order_by("at")[:_MOST_CLICKS]
        ):
            yield _fact(place, click)

    def submit(self, place: Place, answer: Any) -> Fact | None:
        """She is back. Problems (409): `not_seen`, `too_soon`."""
        del answer
        dwell = timedelta(seconds=place.step.config["dwellSeconds"])
        click = _clicks(place).filter(outcome=VisitOutcome.COUNTED).order_by("-at").first()
        if click is None:
            raise Problem("not_seen", "You have not opened the link yet.", status=409)
        if (left := dwell - (place.now - click.at)) > timedelta(0):
            wait = int(left.total_seconds()) + 1
            raise Problem(
                "too_soon",
                f"That was quick. Come back in {wait} s.",
                status=409,
                headers={"Retry-After": str(wait)},
            )
        return _fact(place, click)

    def describe(self, evidence: Evidence) -> str:
        return f"The link /{evidence.payload['link']} was opened."

    def disregarded(self, place: Place) -> Iterable[Disregarded]:
        unfit = _clicks(place).exclude(outcome=VisitOutcome.COUNTED).order_by("-at")
        for click in unfit[:_MOST_CLICKS]:
            yield Disregarded(click.at, "The link was opened.", _reason(click.outcome))


def find_link(slug: str, domain: str = "") -> Link | None:
    return Link.objects.filter(domain=domain, slug_key=slug_key(slug), deleted_at=None).first()


def _reason(outcome: str) -> str:
    reasons: Mapping[str, str] = {str(key): reason for key, reason in _WHY_NOT.items()}
    return reasons.get(outcome, "It did not count.")


def _clicks(place: Place) -> "QuerySet[MarkedClick]":
    """By the player's own addresses, since she is at the quest."""
    config = place.step.config
    if place.since is None:
        return MarkedClick.objects.none()
    link = Link.objects.filter(domain=config["domain"], slug_key=slug_key(config["link"]))
    return MarkedClick.objects.filter(
        subject=str(place.player.public_id),
        link_id=Subquery(link.values("pk")),
        at__gte=place.since,
    )


def _fact(place: Place, click: MarkedClick) -> Fact:
    return Fact(click.event_id.hex, click.at, {"link": place.step.config["link"]})
