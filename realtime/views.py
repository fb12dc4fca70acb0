"""The pages of rooms: parse, call one service or selector, render.

They say everything without JavaScript; with it, static/realtime/room.js makes a room live.
"""

import re
import uuid
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from rest_framework.exceptions import AuthenticationFailed

from accounts.browser import mint_for_session
from accounts.models import User
from accounts.throttling import limit
from monitoring.wire import pages
from monitoring.wire.fields import instant
from monitoring.wire.problems import Problem, problem_response
from realtime import members, rooms, showing
from realtime.forms import MessageForm, RoomForm, SearchForm
from realtime.messages.posting import post_message
from realtime.models import Room

PAGE_SIZE = 25
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def room_list(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _list_page(request, RoomForm(auto_id="new_%s"))
    form = RoomForm(request.POST, auto_id="new_%s")
    if form.is_valid():
        try:
            _limit(request, "rooms")
            room = rooms.create_room(creator=_person(request), **form.cleaned_data)
        except Problem as problem:
            field = "slug" if problem.code.startswith("slug_") else None
            form.add_error(field, str(problem.detail))
        else:
            return redirect("realtime:room", room.slug)
    return _list_page(request, form, status=400)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def room_page(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        room = rooms.find_room(slug, _person(request))
    except Problem as problem:
        return pages.render(request, problem)
    if request.method != "POST":
        return _room_page(request, room, MessageForm(initial={"client_id": uuid.uuid4().hex}))
    form = MessageForm(request.POST)
    if form.is_valid():
        try:
            _say(request, room, **form.cleaned_data)
        except Problem as problem:
            form.add_error(None, str(problem.detail))
        else:
            return redirect("realtime:room", slug)
    return _room_page(request, room, form, status=400)


@login_required
@require_POST
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        room = rooms.find_room(slug, _person(request))
        members.leave_room(room=room, user=_person(request))
    except Problem as problem:
        return pages.render(request, problem)
    return redirect("realtime:list")


@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """For the page's socket. Not `login_required`: a script is told 401, not sent elsewhere."""
    if not request.user.is_authenticated:
        detail = "You are not signed in."
        return problem_response(Problem("not_authenticated", detail, status=401), request)
    try:
        made = mint_for_session(session=request.session, user=_person(request))
    except AuthenticationFailed as error:
        ended = Problem(str(error.get_codes()), str(error.detail), status=401)
        return problem_response(ended, request)
    answer = JsonResponse({"token": made.access, "expiresAt": instant(made.expires_at)})
    answer["Cache-Control"] = "no-store"
    return answer


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)


def _limit(request: HttpRequest, tier: str) -> None:
    limit(request, tier=tier, key=f"user {_person(request).pk}")


def _say(request: HttpRequest, room: Room, *, body: str, client_id: str) -> None:
    """Who speaks in a public room has come in, and has read what she answers to."""
    _limit(request, "messages")
    person = _person(request)
    if room.kind == Room.Kind.PUBLIC:
        members.join_room(room=room, user=person)
    message, is_new = post_message(room=room, sender=person, body=body, client_id=client_id)
    if not is_new and message.body != body:
        # New words in a page that she went back to, which has an old id.
        message, _ = post_message(room=room, sender=person, body=body)
    members.mark_read(room=room, user=person, seq=message.seq)


def _list_page(request: HttpRequest, form: RoomForm, status: int = 200) -> HttpResponse:
    filters = SearchForm(request.GET, auto_id="filter_%s")
    found = rooms.search(rooms.public_rooms(), filters.read()).order_by("name", "pk")
    mine = showing.rooms_of(_person(request))
    context = {
        "form": form,
        "filters": filters,
        "mine": mine,
        "mine_ids": {shown.room.pk for shown in mine},
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
    }
    return render(request, "realtime/list.html", context, status=status)


def _room_page(
    request: HttpRequest, room: Room, form: MessageForm, status: int = 200
) -> HttpResponse:
    before = request.GET.get("before", "")
    shown: dict[str, Any] = showing.room_page(
        room, _person(request), before=int(before) if _NUMBER.fullmatch(before) else None
    )
    return render(request, "realtime/room.html", {**shown, "form": form}, status=status)
