"""How big the process is that answered: for operators only."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from monitoring.health.memory import resident

HEADER = "X-Worker-Memory-Mb"


class MemoryMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if _is_operator(request):
            response[HEADER] = str(resident() // 1024**2)
        return response


def _is_operator(request: HttpRequest) -> bool:
    """As far as answering has found out already: nobody is looked up for it. What holds only some
    scopes of hers is no operator."""
    auth = getattr(request, "auth", None)
    user = getattr(request, "_cached_user", None) or (request.user if auth is not None else None)
    is_staff = bool(user and user.is_active and user.is_staff)
    return is_staff and not hasattr(auth, "scopes")
