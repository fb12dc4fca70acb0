"""`/players/<name>`, which everybody may see, and `/me`, which is her own."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.selectors import primary_addresses, wallets_of
from quests import selectors
from quests.models import Achievement, Completion, Evidence, LedgerEntry, Player
from quests.pages.showing import overview
from quests.pages.visitors import player as player_of
from quests.pages.visitors import visitor, whole
from quests.requirements.registry import kind_of

PAGE_SIZE = 20
MOST_COMPLETIONS = 50
_DEEPEST = 100_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the ledger, and what was behind it: each row with its words."""

    entry: LedgerEntry
    evidence: list[tuple[Evidence, str]]


@require_safe
def profile(request: HttpRequest, name: str) -> HttpResponse:
    player = _find(name)
    completions = list(selectors.paid_completions(player)[:MOST_COMPLETIONS])
    context = {
        "player": player,
        **overview(player),
        "wallet": primary_addresses([player.pk]).get(player.pk),
        "achievements": list(selectors.earned_achievements(player)),
        "completions": completions,
        "is_own": player == visitor(request),
    }
    return render(request, "quests/player.html", context)


@login_required
@require_safe
def me(request: HttpRequest) -> HttpResponse:
    player = player_of(request)
    pages = Paginator(selectors.ledger_of(player).order_by("-pk"), PAGE_SIZE)
    page = pages.get_page(whole(request.GET.get("page"), 1, at_most=_DEEPEST))
    badges = _badges(player)
    context = {
        "player": player,
        **overview(player),
        "achievements": [badge for badge, earned_at in badges if earned_at],
        "about": Player.objects.select_related("referred_by").filter(user=player).first(),
        "friends": Player.objects.filter(referred_by=player).count(),
        "wallets": wallets_of(user=player).order_by("-is_primary", "linked_at"),
        "badges": badges,
        "waiting": _waiting(player),
        "page": page,
        "lines": [_line(entry) for entry in page],
    }
    is_part = request.GET.get("part") == "mine"
    return render(request, "quests/parts/mine.html" if is_part else "quests/me.html", context)


def _line(entry: LedgerEntry) -> Line:
    rows = entry.completion.evidence.all() if entry.completion else ()
    return Line(entry, [(row, _described(row)) for row in rows])


def _described(evidence: Evidence) -> str:
    """In the words of its kind; of one that this installation has no more, its name."""
    try:
        kind = kind_of(evidence.kind)
    except ValueError:
        return evidence.kind
    return kind.describe(evidence)


def _find(name: str) -> User:
    """By the public id or the name, in any case. Http404 also for who may not come in any more."""
    try:
        found = User.objects.filter(public_id=UUID(name))
    except ValueError:
        found = User.objects.filter(username__iexact=User.normalize_username(name))
    player = found.filter(is_active=True).first()
    if player is None:
        raise Http404
    return player


def _badges(player: User) -> list[tuple[Achievement, Any]]:
    """All there are, and when she earned each; hers first."""
    earned = {row.achievement_id: row.earned_at for row in player.achievements.all()}
    badges = [(badge, earned.get(badge.pk)) for badge in Achievement.objects.all()]
    return sorted(badges, key=lambda badge: badge[1] is None)


def _waiting(player: User) -> Any:
    """What is done and not paid: no line of the ledger tells of it."""
    held = Completion.objects.filter(player=player, status=Completion.Status.HELD)
    return held.select_related("quest").order_by("-completed_at")[:PAGE_SIZE]
