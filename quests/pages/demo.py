"""Trying the demo: somebody without a wallet is one of its players."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.throttling import limit
from accounts.views import start_session
from quests.demo_players import guest
from quests.pages.visitors import telling_problems


@require_POST
@telling_problems
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("quests:home")
    limit(request, tier="auth")
    player = guest()
    start_session(request, player)
    messages.info(request, f"You are {player.username} now, a player of the demo.")
    return redirect("quests:board")
