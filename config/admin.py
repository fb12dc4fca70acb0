"""The operators' site: which policy its pages have, and what stands in its sidebar."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, cast

from csp.decorators import csp_update
from django.contrib.admin import apps
from django.contrib.admin.views.main import ERROR_FLAG
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.module_loading import import_string
from unfold.sites import UnfoldAdminSite

from monitoring.performance.pages import operations_view

# unfold's pages are made of Alpine.js and htmx. Alpine evaluates the expressions that stand in its
# attributes as code, and the pages carry the theme's colours in a <style> element and some sizes
# in style attributes. They have no inline scripts, so those stay forbidden here too; everywhere
# else the strict policy of the settings stays as it is.
_View = Callable[..., HttpResponseBase]
_relaxed: Callable[[_View], _View] = csp_update({
    "script-src": ["'self'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
})  # fmt: skip

# By group and by model: the title, and the name of a Material symbol.
_SIDEBAR = {
    "Quests": {
        "quests.quest": ("Quests", "explore"),
        "quests.season": ("Seasons", "calendar_month"),
        "quests.achievement": ("Achievements", "military_tech"),
        "quests.raffle": ("Raffles", "casino"),
    },
    "Decisions": {
        "quests.proof": ("Review queue", "rate_review"),
        "quests.appeal": ("Appeals", "gavel"),
        "quests.completion": ("Completions", "task_alt"),
        "quests.ledgerentry": ("XP ledger", "receipt_long"),
    },
    "Evidence": {
        "quests.attempt": ("Why?", "help"),
        "quests.evidence": ("Evidence", "fingerprint"),
        "quests.challenge": ("Challenges", "password"),
        "quests.player": ("Integrity", "policy"),
        "quests.auditentry": ("Audit", "history"),
    },
    "Links": {
        "links.link": ("Links", "link"),
        "links.campaign": ("Campaigns", "campaign"),
        "links.orphanslug": ("Unknown addresses", "link_off"),
    },
    "Clicks": {
        "links.click": ("Newest clicks", "ads_click"),
        "links.markedclick": ("Personal clicks", "how_to_reg"),
        "links.clickstream": ("Click stream", "water"),
        "links.clickissuer": ("Click accounts", "fact_check"),
    },
    "Rooms": {
        "realtime.room": ("Rooms", "forum"),
        "realtime.member": ("Members", "group"),
        "realtime.message": ("Messages", "chat"),
    },
    "Webhooks": {
        "quests.webhook": ("Webhooks", "webhook"),
        "quests.delivery": ("Deliveries", "send"),
        "quests.outboxevent": ("Events", "outbox"),
    },
    "People": {
        "accounts.user": ("Users", "person"),
        "accounts.wallet": ("Wallets", "wallet"),
        "auth.group": ("Groups", "group"),
        "accounts.tokenfamily": ("Sign-ins", "login"),
        "accounts.apikey": ("API keys", "key"),
    },
    "Service": {
        "monitoring.livefigures": ("Live figures", "monitoring"),
        "django_celery_beat.periodictask": ("Periodic tasks", "schedule"),
        "monitoring.idempotencykey": ("Idempotency keys", "repeat"),
        "monitoring.limitedcaller": ("Limited now", "speed"),
        "monitoring.maintenance": ("Maintenance", "construction"),
    },
}
# Models whose pages are not where Django puts them.
_PAGES = {
    "links.click": "admin:links_link_clicks",
    "monitoring.livefigures": "admin:operations",
    "quests.proof": "admin:quests_evidence_review",
    "quests.attempt": "admin:quests_completion_why_anybody",
    "quests.player": "admin:quests_completion_integrity",
}
# What waits at a page, as a number beside its name.
_BADGES = {"quests.proof": "quests.admin.reviews.waiting_badge"}


class AdminConfig(apps.AdminConfig):
    default_site = "config.admin.OperatorsSite"


class OperatorsSite(UnfoldAdminSite):
    index_title = "Overview"

    def extra_urls(self) -> list[URLPattern]:
        """unfold's hook for pages that belong to no model."""
        # By name: models are there only after this module.
        figures = import_string("config.overview.figures_view")
        live = self.admin_view(lambda request: operations_view(request, self))
        return [
            path("operations/", live, name="operations"),
            path("overview/", self.admin_view(figures), name="overview"),
        ]

    def admin_view(self, view: _View, cacheable: bool = False) -> _View:  # noqa: FBT001, FBT002 - Django's signature
        return _relaxed(super().admin_view(_forgiving(view), cacheable))

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """The one page that Django does not send through `admin_view`. unfold's form forgets where
        to go afterwards, which would be the page of one's own links."""
        query = request.GET.copy()
        query.setdefault(REDIRECT_FIELD_NAME, reverse("admin:index"))
        request.GET = cast("Any", query)
        return _relaxed(super().login)(request, extra_context)


def _forgiving(view: _View) -> _View:
    """Django sends a filter that makes no sense back to the whole list; a year that no calendar has
    it forgets."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except ValueError:
            if request.method != "GET" or not any("__year" in name for name in request.GET):
                raise
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")

    return answer


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """What this operator may look at. The settings name this function to unfold."""
    groups: list[dict[str, Any]] = [
        {"title": title, "items": list(_items(request, models))}
        for title, models in _SIDEBAR.items()
    ]
    items = [item for group in groups for item in group["items"]]
    # The longest address above the page's own: the clicks' page lies below that of the links.
    above = (item["link"] for item in items if request.path.startswith(item["link"]))
    here = max(above, key=len, default="")
    for item in items:
        item["active"] = item["link"] == here
    return [group for group in groups if group["items"]]


def _items(request: HttpRequest, models: Mapping[str, tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for model, (title, symbol) in models.items():
        app, name = model.split(".")
        if request.user.has_perm(f"{app}.view_{name}"):
            page = _PAGES.get(model, f"admin:{app}_{name}_changelist")
            # unfold's own way to call a badge shows the callable's name where there is nothing.
            badge = import_string(_BADGES[model])() if model in _BADGES else ""
            yield {"title": title, "icon": symbol, "link": reverse(page), "badge": badge}
