"""Rules and variants: which of a link's targets a visitor is sent to. Pure, and knows no Django.

Rules are tried in order and the first whose conditions all hold wins; without one, the variants
share the visitors by weight; without variants, the link's own target is used.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from links.agents import Agent, parse_agent

MAX_RULES = 50
MAX_VARIANTS = 20
MAX_PARAMETERS = 100

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]
Words = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=60)], ...],
    msgspec.Meta(min_length=1, max_length=100),
]
Pairs = Annotated[
    dict[Name, Annotated[str, msgspec.Meta(max_length=500)]],
    msgspec.Meta(min_length=1, max_length=20),
]
Countries = Annotated[
    tuple[Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2}$")], ...],
    msgspec.Meta(min_length=1, max_length=100),
]
# Primary subtags: "de" is met by "de-AT" too.
Languages = Annotated[
    tuple[Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2,8}$")], ...],
    msgspec.Meta(min_length=1, max_length=100),
]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Devices = Annotated[
    tuple[Literal["desktop", "mobile", "tablet", "bot", "other"], ...], msgspec.Meta(min_length=1)
]


class Conditions(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"
):
    """What must hold, all of it; within one list any entry will do. Case does not matter."""

    device: Devices | None = None
    os: Words | None = None
    browser: Words | None = None
    country: Countries | None = None
    language: Languages | None = None
    query: Pairs | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    when: Conditions
    url: Url


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`weight` is relative to the sum of all the link's variants."""

    name: Name
    url: Url
    weight: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class Visit(msgspec.Struct):
    """What routing may ask about a visitor. `identity` keeps a visitor with one variant."""

    at: int
    agent_text: str = ""
    country: str = ""
    language: str = ""
    query: str = ""
    identity: bytes = b""

    @property
    def agent(self) -> Agent:
        return parse_agent(self.agent_text)

    @property
    def parameters(self) -> dict[str, str]:
        """At most MAX_PARAMETERS; what a visitor's address carries beyond them is dropped."""
        fields = "&".join(self.query.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS])
        return dict(parse_qsl(fields, keep_blank_values=True))


def unmet_condition(conditions: Conditions, visit: Visit) -> str:
    """The name of the first condition that does not hold, or "" when all do."""
    agent = visit.agent if conditions.device or conditions.os or conditions.browser else None
    checks = (
        ("device", agent is None or _among(conditions.device, agent.device)),
        ("os", agent is None or _among(conditions.os, agent.os)),
        ("browser", agent is None or _among(conditions.browser, agent.browser)),
        ("country", _among(conditions.country, visit.country)),
        ("language", _among(conditions.language, visit.language)),
        ("query", _has_parameters(conditions.query, visit)),
        ("startsAt", _not_before(conditions.starts_at, visit.at)),
        ("endsAt", conditions.ends_at is None or not _not_before(conditions.ends_at, visit.at)),
    )
    return next((name for name, holds in checks if not holds), "")


def choose_variant(link_id: int, variants: tuple[Variant, ...], identity: bytes) -> Variant:
    """The same visitor always gets the same variant, as long as the weights stay.

    The visitor's hash is spread evenly over the sum of the weights, so shares are exact in the
    long run and no cookie is needed.
    """
    digest = hashlib.blake2b(identity, digest_size=8, key=link_id.to_bytes(8)).digest()
    point = int.from_bytes(digest) % sum(variant.weight for variant in variants)
    for variant in variants:
        point -= variant.weight
        if point < 0:
            return variant
    raise AssertionError("a point below the sum of the weights lies within one of them")


def add_query(url: str, parameters: Mapping[str, str]) -> str:
    """`url` with `parameters` in its query; a parameter that is there already is replaced."""
    if not parameters:
        return url
    parts = urlsplit(url)
    kept = [
        (key, value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
        if key not in parameters
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *parameters.items()])))


def primary_language(accept_language: str) -> str:
    """The primary subtag of the language preferred most: "en-GB;q=0.8, de" gives "de"."""
    best, best_quality = "", 0.0
    for part in accept_language.split(",")[:20]:
        tag, _, weight = part.partition(";")
        quality = _quality(weight)
        if quality > best_quality:
            best, best_quality = tag.strip(), quality
    primary = best.partition("-")[0].lower()
    return primary if primary.isascii() and primary.isalpha() and len(primary) <= 8 else ""


def _quality(weight: str) -> float:
    try:
        return float(weight.strip().removeprefix("q=")) if weight else 1.0
    except ValueError:
        return 0.0


def _among(wanted: tuple[str, ...] | None, value: str) -> bool:
    return wanted is None or value.casefold() in {word.casefold() for word in wanted}


def _has_parameters(wanted: dict[str, str] | None, visit: Visit) -> bool:
    if wanted is None:
        return True
    parameters = visit.parameters
    return all(parameters.get(name) == value for name, value in wanted.items())


def _not_before(moment: datetime | None, at: int) -> bool:
    return moment is None or at >= moment.timestamp() * 1000
