"""The pages of signing in and out. Lock-out after too many tries: accounts.lockout."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login, views
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import resolve_url
from django.views import View
from rest_framework.exceptions import AuthenticationFailed

from accounts import wallets
from accounts.models import User
from accounts.throttling import count_failure
from monitoring.wire.mapping import as_problem
from monitoring.wire.problems import Problem, problem_response

_BACKEND = "django.contrib.auth.backends.ModelBackend"
_MOST_SENT = 20_000  # characters of a message or a signature


class LoginView(views.LoginView):
    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        return {**super().get_context_data(**more), "chain_ids": settings.WALLET_CHAIN_IDS}


class WalletLoginView(views.RedirectURLMixin, View):
    """A session for whoever holds the wallet, asked for by the script of the page: it is told where
    to go, or a problem with the codes of the API."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            start_session(request, self._whose(request))
        except AuthenticationFailed as error:
            return problem_response(_counted(request, error), request)
        except Problem as problem:
            return problem_response(problem, request)
        answer = JsonResponse({"next": self.get_success_url()})
        answer["Cache-Control"] = "no-store"
        return answer

    def _whose(self, request: HttpRequest) -> User:
        message, signature = (request.POST.get(name, "") for name in ("message", "signature"))
        if max(len(message), len(signature)) > _MOST_SENT:
            raise Problem("message_too_long", "This is no message to sign in with.", status=400)
        # A form writes the ends of lines as CR LF; what was signed has LF.
        return wallets.identify(
            message=message.replace("\r\n", "\n"),
            signature=signature,
            binding=request.COOKIES.get(settings.NONCE_COOKIE_NAME, ""),
        )

    def get_default_redirect_url(self) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)


def start_session(request: HttpRequest, user: User) -> None:
    """For somebody whose identity is proven."""
    login(request, user, backend=_BACKEND)


def _counted(request: HttpRequest, error: AuthenticationFailed) -> Problem:
    """One more failure of this network; instead of it, that there were too many."""
    try:
        count_failure(request)
    except Problem as problem:
        return problem
    return as_problem(error) or Problem("not_authenticated", str(error.detail), status=401)
