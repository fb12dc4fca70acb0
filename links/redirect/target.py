"""A link as the redirect sees it, and how it is read from PostgreSQL."""

from datetime import datetime
from typing import Any

import msgspec

from links.routing import Rule, Variant, add_query


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """Times are Unix milliseconds. `url` already carries the link's UTM parameters."""

    id: int
    version: int
    domain: str
    slug: str
    url: str
    status: int = 302
    deleted: bool = False
    starts_at: int | None = None
    expires_at: int | None = None
    expired_url: str = ""
    max_clicks: int | None = None
    per_minute: int | None = None
    password_hash: str = ""
    forward_query: bool = False
    crawlable: bool = False
    title: str = ""
    description: str = ""
    utm: dict[str, str] = {}
    rules: tuple[Rule, ...] = ()
    variants: tuple[Variant, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether every visitor gets the same answer, whoever they are and whenever they come."""
        return not (
            self.deleted
            or self.starts_at
            or self.expires_at
            or self.max_clicks
            or self.per_minute
            or self.password_hash
            or self.forward_query
            or self.rules
            or self.variants
        )


COLUMNS = (
    "id",
    "version",
    "domain",
    "slug",
    "url",
    "redirect_status",
    "deleted_at",
    "starts_at",
    "expires_at",
    "expired_url",
    "max_clicks",
    "max_clicks_per_minute",
    "password_hash",
    "forward_query",
    "crawlable",
    "title",
    "description",
    "utm",
    "rules",
    "variants",
)

SELECT = f"SELECT {', '.join(COLUMNS)} FROM links_link WHERE domain = %s AND slug_key = %s"  # noqa: S608 - constants only

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Target)


def encode(target: Target) -> bytes:
    return _encoder.encode(target)


def decode(data: bytes) -> Target:
    return _decoder.decode(data)


def from_row(row: dict[str, Any]) -> Target:
    """A Target from the columns named in COLUMNS, as psycopg or Django's `values()` give them."""
    return Target(
        id=row["id"],
        version=row["version"],
        domain=row["domain"],
        slug=row["slug"],
        url=add_query(row["url"], row["utm"]),
        status=row["redirect_status"],
        deleted=row["deleted_at"] is not None,
        starts_at=_milliseconds(row["starts_at"]),
        expires_at=_milliseconds(row["expires_at"]),
        expired_url=row["expired_url"],
        max_clicks=row["max_clicks"],
        per_minute=row["max_clicks_per_minute"],
        password_hash=row["password_hash"],
        forward_query=row["forward_query"],
        crawlable=row["crawlable"],
        title=row["title"],
        description=row["description"],
        utm=row["utm"],
        rules=msgspec.convert(row["rules"], tuple[Rule, ...]),
        variants=msgspec.convert(row["variants"], tuple[Variant, ...]),
    )


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
