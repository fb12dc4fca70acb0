"""Who is connected just now: processes, rooms and people, and ending somebody's connections."""

import time
from typing import Any

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.operating import demand, to_page
from monitoring.wire.problems import Problem
from realtime import doors
from realtime.models import Room
from realtime.presence import selectors
from realtime.rooms import live_rooms

PEOPLE, ROOMS = 50, 20
_ID_LENGTH = 36


def live_view(request: HttpRequest, room_admin: Any) -> HttpResponse:
    demand(request, "realtime.view_room")
    after = request.GET.get("after", "")[:_ID_LENGTH]
    context = {
        **room_admin.admin_site.each_context(request),
        "title": "Live",
        "may_disconnect": request.user.has_perm("realtime.change_member"),
        "after": after,
    }
    try:
        context |= _found(after)
    except Problem as problem:
        messages.warning(request, str(problem.detail))
    return TemplateResponse(request, "admin/realtime/live.html", context)


def disconnect_view(request: HttpRequest, room_admin: Any) -> HttpResponse:
    """Her sign-ins go on; to keep her out, end those at her user page."""
    del room_admin
    demand(request, "realtime.change_member")
    if request.method == "POST":
        user = request.POST.get("user", "")[:_ID_LENGTH]
        if doors.disconnect_user(user, "disconnected by an operator"):
            messages.success(request, "Her connections end now.")
        else:
            messages.error(request, "Redis does not answer: the connections are still there.")
    return redirect("admin:realtime_room_live")


def _found(after: str) -> dict[str, Any]:
    page = selectors.get_connected_users(after=after, limit=PEOPLE)
    return {
        "processes": {
            "headers": ["Host", "Process", "Connections", "Rooms", "For", ""],
            "rows": [_process(process) for process in selectors.processes().values()],
        },
        "rooms": {
            "headers": ["Room", "Kind", "Present", "Messages"],
            "rows": [
                [_to_room(room), room.kind, f"{present:,}", f"{room.last_seq:,}"]
                for room, present in live_rooms(limit=ROOMS)
            ],
        },
        "connected": page.present,
        "people": [msgspec.json.decode(person) for person in page.people],
        "next": page.next,
    }


def _process(process: selectors.Process) -> list[str]:
    minutes = int(time.time() - process.since) // 60
    sign = process.state
    figures = (f"{process.connections:,}", f"{process.rooms:,}")
    return [process.host, str(process.pid), *figures, f"{minutes:,} min", sign]


def _to_room(room: Room) -> str:
    return to_page(reverse("admin:realtime_room_change", args=[room.pk]), room)
