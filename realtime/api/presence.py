"""Who is present in a room, and who is connected at all."""

from typing import Any
from uuid import UUID

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from accounts.permissions import caller, requires
from monitoring.wire.filters import Integer, Query, Text
from realtime import rooms
from realtime.api.rooms import ACCESS, REFUSED
from realtime.api.serializers import PresenceOutput, UserPresenceOutput
from realtime.presence import selectors
from realtime.presence.register import MOST, PAGE, Page

TRUSTED = [requires("realtime:publish")]
_PAGES = Query(
    paged=False,
    after=Text(max_length=36, description="An id: those after it."),
    limit=Integer(at_least=1, at_most=MOST, default=PAGE),
)


class RoomView(APIView):
    permission_classes = ACCESS
    query = _PAGES

    @extend_schema(
        operation_id="presence_list", summary="Who is present in a room", tags=["rooms"],
        responses={200: PresenceOutput, **REFUSED},
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        wanted = _wanted(self.query, request)
        room = rooms.find_room(slug, caller(request))
        return Response(_document(selectors.people_in(room.pk, **wanted), request))


class ConnectedView(APIView):
    permission_classes = TRUSTED
    query = _PAGES

    @extend_schema(
        operation_id="realtime_connected", summary="Who is connected", tags=["realtime"],
        responses={200: PresenceOutput},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        page = selectors.get_connected_users(**_wanted(self.query, request))
        return Response(_document(page, request))


class UserView(APIView):
    permission_classes = TRUSTED

    @extend_schema(
        operation_id="realtime_presence", summary="Whether somebody is connected, and where",
        tags=["realtime"], responses={200: UserPresenceOutput},
    )  # fmt: skip
    def get(self, request: Request, user_id: UUID) -> Response:
        del request
        return Response(UserPresenceOutput(selectors.get_user_presence(str(user_id))).data)


def _wanted(query: Query, request: Request) -> dict[str, Any]:
    wanted = query.read(request)
    return wanted | {"after": wanted["after"] or ""}


def _document(page: Page, request: Request) -> dict[str, Any]:
    people = [msgspec.json.decode(person) for person in page.people]
    here = request.build_absolute_uri()
    following = replace_query_param(here, "after", page.next) if page.next else None
    return {"present": page.present, "next": following, "results": people}
