"""Where developers begin: what all of the API has in common, and examples to copy."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from monitoring.developers.examples import examples
from monitoring.wire.documents import FRESH

_FRAME = (
    '<iframe src="{address}?limit=10&amp;theme=auto" title="Leaderboard"\n'
    '        width="420" height="560" loading="lazy"></iframe>'
)


@require_safe
def overview(_: HttpRequest) -> HttpResponse:
    origin = settings.PUBLIC_URL
    socket = urlsplit(origin)._replace(scheme="wss" if settings.HTTPS else "ws").geturl()
    context = {
        "origin": origin,
        "socket": f"{socket}/ws/",
        "examples": examples(),
        "frame": _FRAME.format(address=origin + reverse("quests:embed-leaderboard")),
    }
    # Without a request: it is the same for everybody.
    content = render_to_string("monitoring/developers.html", context)
    return HttpResponse(content, headers={"Cache-Control": FRESH})
