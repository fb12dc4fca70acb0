"""The data of short links: what is asked for (links, campaigns) and what was seen (clicks)."""

from links.models.click import (
    Click,
    ClickIssuer,
    ClickStream,
    MarkedClick,
    OrphanSlug,
    Visitor,
    VisitOutcome,
)
from links.models.link import Campaign, ClickAllowance, Link, RedirectStatus, TargetChange
from links.models.rollup import ClicksByDay, ClicksByQuarter, Dimension

__all__ = [
    "Campaign",
    "Click",
    "ClickAllowance",
    "ClickIssuer",
    "ClickStream",
    "ClicksByDay",
    "ClicksByQuarter",
    "Dimension",
    "Link",
    "MarkedClick",
    "OrphanSlug",
    "RedirectStatus",
    "TargetChange",
    "VisitOutcome",
    "Visitor",
]
