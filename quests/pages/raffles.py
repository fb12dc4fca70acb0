"""`/raffles`: what can be won, and how anybody sees that nobody chose who won it."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitoring.wire.problems import Problem
from quests.models import Raffle
from quests.raffles import drawing, selectors
from quests.raffles.document import document_of

# The newest; older ones keep their addresses.
MOST_RAFFLES = 100


@require_safe
def raffles(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    listed = list(selectors.raffles().order_by("-created_at", "-pk")[:MOST_RAFFLES])
    waiting = [raffle for raffle in listed if raffle.drawn_at is None]
    context = {
        "open": sorted((one for one in waiting if now < one.closes_at), key=_closing),
        "closed": sorted((one for one in waiting if now >= one.closes_at), key=_closing),
        "drawn": [raffle for raffle in listed if raffle.drawn_at],
    }
    return render(request, "quests/raffles.html", context)


@require_safe
def raffle(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(selectors.with_winners(), slug=slug)
    context = {
        "raffle": found,
        "algorithm": drawing.ALGORITHM,
        "entrants": selectors.entrant_count(found),
        "is_closed": timezone.now() >= found.closes_at,
        # Before the draw it is nobody's to read.
        "seed": bytes(found.seed).hex() if found.drawn_at else None,
        "unpaid": selectors.unpaid_since(found) if found.drawn_at else 0,
    }
    return render(request, "quests/raffle.html", context)


@require_safe
def raffle_document(_: HttpRequest, slug: str) -> HttpResponse:
    """The file that `manage.py raffle verify --file` reads."""
    found = get_object_or_404(Raffle, slug=slug)
    try:
        document = document_of(found)
    except Problem:
        raise Http404 from None
    answer = JsonResponse(document, json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="raffle-{found.slug}.json"'
    return answer


def _closing(raffle: Raffle) -> float:
    return raffle.closes_at.timestamp()
