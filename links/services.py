"""Every write to links and campaigns. Each function owns its transaction, and the redirect hears
of the change after the commit."""

from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from links import events
from links.fields import clean_link, clean_slug
from links.models import Campaign, ClickAllowance, Link, TargetChange
from links.redirect.directory import CACHE_SECONDS
from links.slugs import generate_slug, slug_key
from monitoring.redis import durable
from monitoring.wire.problems import Problem

_SLUG_TRIES = 5
_ANNOUNCED_UNTIL = "rallypoint:links:announced-until"
# A shared copy lives an hour at most; what changed before that is not in Redis any more.
_ANNOUNCE_WITHOUT_MARK = timedelta(seconds=CACHE_SECONDS)
# A transaction that was open at the last call may have committed an earlier time since.
_ANNOUNCE_OVERLAP = timedelta(minutes=1)


class LinkFields(TypedDict, total=False):
    """What a caller may set, by model field; `password` is the plain one, "" takes it away."""

    url: str
    title: str
    description: str
    tags: list[str]
    campaign: Campaign | None
    starts_at: datetime | None
    expires_at: datetime | None
    expired_url: str
    max_clicks: int | None
    max_clicks_per_minute: int | None
    password: str
    redirect_status: int
    forward_query: bool
    crawlable: bool
    utm: dict[str, str]
    rules: list[dict[str, Any]]
    variants: list[dict[str, Any]]


def create_link(
    *, owner: User, slug: str = "", domain: str = "", **fields: Unpack[LinkFields]
) -> Link:
    """A new link; without a slug one is generated. Problem: `slug_taken` (409), `slug_retired`
    (409) for a tombstone's, and the codes of links.fields for what cannot be."""
    values = _columns(fields)
    if slug:
        return _insert_link(owner, clean_slug(slug), domain, values)
    for _ in range(_SLUG_TRIES):
        try:
            return _insert_link(owner, generate_slug(), domain, values)
        except Problem as problem:
            if problem.status_code != 409:
                raise
    raise Problem("slug_space_full", "No free slug was found. Try again.", status=503)


def find_or_create_link(
    *, owner: User, slug: str = "", domain: str = "", **fields: Unpack[LinkFields]
) -> tuple[Link, bool]:
    """The owner's oldest live link to the same target, else a new one; (link, created)."""
    url = clean_link({"url": fields["url"]})["url"]
    found = Link.objects.filter(owner=owner, domain=domain, url=url, deleted_at=None)
    if slug:
        found = found.filter(slug_key=slug_key(slug))
    if existing := found.order_by("id").first():
        return existing, False
    return create_link(owner=owner, slug=slug, domain=domain, **fields), True


@transaction.atomic
def update_link(*, link: Link, changed_by: User, **fields: Unpack[LinkFields]) -> Link:
    """Change what is given. A new target is added to the link's history."""
    link = Link.objects.select_for_update().get(pk=link.pk)
    if link.deleted_at is not None:
        raise Problem("link_deleted", "This link was deleted.", status=410)
    values = _columns(fields, starts_at=link.starts_at, expires_at=link.expires_at)
    target_changed = "url" in values and values["url"] != link.url
    limit_is_new = values.get("max_clicks") is not None and link.max_clicks is None
    for name, value in values.items():
        setattr(link, name, value)
    link.version += 1
    if target_changed:
        link.metadata_checked_at = None
    link.save()
    if target_changed:
        TargetChange.objects.create(link=link, url=link.url, changed_by=changed_by)
    if limit_is_new:
        _begin_counting(link)
    events.announce_after_commit(link)
    return link


@transaction.atomic
def delete_link(*, link: Link) -> None:
    """Leave a tombstone: the slug answers 410 for good. Deleting twice changes nothing."""
    changed = Link.objects.filter(pk=link.pk, deleted_at=None).update(
        deleted_at=timezone.now(), updated_at=timezone.now(), version=F("version") + 1
    )
    if changed:
        link.refresh_from_db(fields=["version", "deleted_at"])
        events.announce_after_commit(link)


def announce_changes_since_last_time() -> int:
    """Announce every link that changed since the last call, and remember how far that reached.

    The mark lies in Redis itself: a Redis that was away or lost its data has an old one or none,
    and so gets all the news that it missed.
    """
    redis, now = durable(), timezone.now()
    mark = redis.get(_ANNOUNCED_UNTIL)
    since = now - _ANNOUNCE_WITHOUT_MARK
    if isinstance(mark, bytes):
        since = datetime.fromisoformat(mark.decode())
    changed = Link.objects.filter(updated_at__gte=since - _ANNOUNCE_OVERLAP)
    links = changed.values_list("domain", "slug_key", "version")
    announced = 0
    for domain, key, version in links.iterator():
        announced += 1
        events.announce((domain, key), version)
    redis.set(_ANNOUNCED_UNTIL, now.isoformat())
    return announced


def create_campaign(*, owner: User, name: str) -> Campaign:
    try:
        with transaction.atomic():
            return Campaign.objects.create(owner=owner, name=name)
    except IntegrityError:
        raise _campaign_exists(name) from None


def rename_campaign(*, campaign: Campaign, name: str) -> Campaign:
    campaign.name = name
    try:
        with transaction.atomic():
            campaign.save(update_fields=["name"])
    except IntegrityError:
        raise _campaign_exists(name) from None
    return campaign


def delete_campaign(*, campaign: Campaign) -> None:
    """Its links stay, without a campaign."""
    campaign.delete()


def _columns(fields: LinkFields, **present: datetime | None) -> dict[str, Any]:
    """Model columns from what a caller gave, checked. `present` is what stays of a window."""
    values = clean_link(dict(fields), **present)
    if "password" in values:
        password = values.pop("password")
        values["password_hash"] = make_password(password) if password else ""
    return values


@transaction.atomic
def _insert_link(owner: User, slug: str, domain: str, values: dict[str, Any]) -> Link:
    link = Link(owner=owner, slug=slug, slug_key=slug_key(slug), domain=domain, **values)
    try:
        with transaction.atomic():
            link.save(force_insert=True)
    except IntegrityError as error:
        if "link_slug" not in str(error):
            raise
        raise _slug_taken(slug, domain) from None
    TargetChange.objects.create(link=link, url=link.url, changed_by=owner)
    if link.max_clicks is not None:
        _begin_counting(link)
    events.announce_after_commit(link)
    return link


def _begin_counting(link: Link) -> None:
    """A limit counts every click, those before it was set included."""
    ClickAllowance.objects.update_or_create(link=link, defaults={"admitted": link.click_count})


def _slug_taken(slug: str, domain: str) -> Problem:
    retired = Link.objects.filter(
        domain=domain, slug_key=slug_key(slug), deleted_at__isnull=False
    ).exists()
    if retired:
        return Problem(
            "slug_retired",
            f"“{slug}” belonged to a link that was deleted; it is not given out again.",
            status=409,
        )
    return Problem("slug_taken", f"“{slug}” is taken.", status=409)


def _campaign_exists(name: str) -> Problem:
    return Problem("campaign_exists", f"There is a campaign “{name}” already.", status=409)
