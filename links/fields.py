"""What a link's fields may hold; every refusal has a code and names the field.

These are the rules of the domain, applied on every way in: API, admin, import. The shape of a
request (types, unknown members) is the serializers' business.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.conf import settings

from links.addresses import AddressError, OwnAddresses, normalize_address
from links.reserved import reserved_keys
from links.routing import MAX_RULES, MAX_VARIANTS, Rule, Variant
from links.slugs import SlugError, check_slug
from monitoring.wire.problems import Problem

UTM_FIELDS = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
MAX_TAGS = 20
_MAX_UTM_LENGTH = 200


def clean_slug(slug: str) -> str:
    try:
        return check_slug(slug, reserved_keys())
    except SlugError as error:
        raise refusal("slug", error.code, str(error)) from None


def clean_link(values: dict[str, Any], **present: datetime | None) -> dict[str, Any]:
    """`values` in the form in which they are stored. `present` holds the stored starts_at and
    expires_at, which a change of one of them must still agree with."""
    cleaned = {name: _CLEANERS.get(name, _as_it_is)(value) for name, value in values.items()}
    window = present | cleaned
    starts_at, expires_at = window.get("starts_at"), window.get("expires_at")
    if starts_at and expires_at and expires_at <= starts_at:
        raise refusal("expiresAt", "window_empty", "A link must end after it starts.")
    return cleaned


def refusal(field: str, code: str, message: str) -> Problem:
    return Problem(code, message, errors=[{"field": field, "message": message, "code": code}])


@cache
def own_addresses() -> OwnAddresses:
    public = urlsplit(settings.PUBLIC_URL)
    hosts = {public.hostname or "", *settings.LINK_DOMAINS, *settings.ALLOWED_HOSTS} - {"", "*"}
    ports = frozenset({public.port} if public.port else set())
    return OwnAddresses(frozenset(host.lstrip(".").lower() for host in hosts), ports)


def _address(field: str) -> Callable[[str], str]:
    def clean(value: str) -> str:
        try:
            return normalize_address(value, own=own_addresses())
        except AddressError as error:
            raise refusal(field, error.code, str(error)) from None

    return clean


def _optional_address(field: str) -> Callable[[str], str]:
    required = _address(field)
    return lambda value: required(value) if value else ""


def _tags(tags: list[str]) -> list[str]:
    """Lower case, without blanks and repetitions, in the order given."""
    cleaned = list(dict.fromkeys(tag.strip().lower() for tag in tags if tag.strip()))
    if len(cleaned) > MAX_TAGS:
        raise refusal("tags", "too_many_tags", f"A link has at most {MAX_TAGS} tags.")
    return cleaned


def _utm(utm: dict[str, str]) -> dict[str, str]:
    for name, value in utm.items():
        if name not in UTM_FIELDS:
            raise refusal(f"utm.{name}", "utm_unknown", f"Known are {', '.join(UTM_FIELDS)}.")
        if not isinstance(value, str) or len(value) > _MAX_UTM_LENGTH:
            raise refusal(f"utm.{name}", "utm_value", f"A text of at most {_MAX_UTM_LENGTH}.")
    return {name: utm[name] for name in UTM_FIELDS if utm.get(name)}


def _rules(given: list[dict[str, Any]]) -> Any:
    rules = _routes("rules", given, tuple[Rule, ...], MAX_RULES)
    for place, rule in enumerate(rules):
        starts_at, ends_at = rule.when.starts_at, rule.when.ends_at
        if starts_at and ends_at and ends_at <= starts_at:
            field = f"rules.{place}.when.endsAt"
            raise refusal(field, "window_empty", "A rule must end after it starts.")
    return msgspec.to_builtins(rules)


def _variants(given: list[dict[str, Any]]) -> Any:
    return msgspec.to_builtins(_routes("variants", given, tuple[Variant, ...], MAX_VARIANTS))


def _routes(field: str, given: Any, shape: Any, most: int) -> list[Any]:
    """Rules or variants, checked against their type, with addresses in their stored form."""
    try:
        routes = msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise refusal(_dotted(field, path), f"{field}_invalid", message) from None
    if len(routes) > most:
        raise refusal(field, f"too_many_{field}", f"A link has at most {most} {field}.")
    names = [route.name for route in routes]
    if len(set(names)) < len(names):
        raise refusal(field, f"{field}_names", "Each needs a name of its own.")
    return [
        msgspec.structs.replace(route, url=_address(f"{field}.{place}.url")(route.url))
        for place, route in enumerate(routes)
    ]


def _dotted(field: str, path: str) -> str:
    """msgspec's `$[0].when.os` as the wire's `rules.0.when.os`."""
    inside = path.strip("`").removeprefix("$").replace("[", ".").replace("]", "")
    return field + inside


def _as_it_is(value: Any) -> Any:
    return value


_CLEANERS: dict[str, Callable[[Any], Any]] = {
    "url": _address("url"),
    "expired_url": _optional_address("expiredUrl"),
    "tags": _tags,
    "utm": _utm,
    "rules": _rules,
    "variants": _variants,
}
