"""Limits around Django's answers: for pages that write, and for what of the API no throttle has
counted. Every answer tells what is left."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.permissions import SAFE_METHODS

from accounts.throttling import (
    is_counted,
    limit,
    limit_caller,
    refuse_who_failed,
    tiers_of,
    usage_fields,
)
from monitoring.wire.pages import is_api, render
from monitoring.wire.problem import Problem

_SIGN_INS = frozenset({"accounts:login", "accounts:wallet-login", "admin:login"})


class RateLimitMiddleware:
    """Around Django's own answers to the API: what no throttle has counted, because it was refused
    before or is no DRF view, counts for its network."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if is_api(request) and not is_counted(request):
            response = _count_afterwards(request, response)
        # A redirection is no answer to what was asked, and may be kept by browsers.
        if response.status_code // 100 != 3:
            for name, value in usage_fields(request).items():
                response[name] = value
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Pages that write, the admin's too: DRF's views come to the throttle."""
        del view, args, kwargs
        if is_api(request) or request.method in SAFE_METHODS:
            return None
        try:
            limit_caller(request, "general", "burst")
            if request.resolver_match and request.resolver_match.view_name in _SIGN_INS:
                limit(request, tier="auth")
                refuse_who_failed(request)
        except Problem as problem:
            return render(request, problem)
        return None


def _count_afterwards(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Whoever is over is not told any more what was wrong."""
    try:
        for tier in tiers_of(request):
            limit(request, tier=tier)
    except Problem as problem:
        response.close()
        return render(request, problem)
    return response
