"""Reads of links and campaigns. Everything is one owner's: what belongs to others is not found."""

from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from accounts.models import User
from links.models import Campaign, Link
from monitoring.wire.problems import Problem


def links_of(owner: User) -> QuerySet[Link]:
    """The owner's live links; deleted ones are seen by nobody but operators."""
    return Link.objects.filter(owner=owner, deleted_at=None).select_related("campaign")


def find_link(owner: User, public_id: UUID) -> Link:
    link = links_of(owner).filter(public_id=public_id).first()
    if link is None:
        raise Problem("link_not_found", "You have no such link.", status=404)
    return link


def filter_links(
    links: QuerySet[Link], *, search: str | None, tag: str | None, campaign: UUID | None
) -> QuerySet[Link]:
    """`search` finds words, and beginnings of words, in title, tags, description and target, and
    any part of a slug: PostgreSQL takes what follows a hyphen for a negative number."""
    if search and search.strip():
        query = _prefix_query(search)
        found = Q(search=query) | Q(slug__icontains=search.strip())
        links = links.filter(found) if query else links.none()
    if tag:
        links = links.filter(tags__contains=[tag.lower()])
    if campaign:
        links = links.filter(campaign__public_id=campaign)
    return links


def campaigns_of(owner: User) -> QuerySet[Campaign]:
    return Campaign.objects.filter(owner=owner).order_by(Lower("name"))


def find_campaign(owner: User, public_id: UUID) -> Campaign:
    campaign = campaigns_of(owner).filter(public_id=public_id).first()
    if campaign is None:
        raise Problem("campaign_not_found", "You have no such campaign.", status=404)
    return campaign


def _prefix_query(search: str) -> Any:
    """Every word must begin a word. Only letters and digits reach the query's own syntax."""
    words = "".join(c if c.isalnum() else " " for c in search).split()[:10]
    return (
        SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")
        if words
        else None
    )
