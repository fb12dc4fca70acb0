"""`/api/rooms`: what rooms there are, and making, changing and closing one."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.parsing import parsed
from accounts.models import User
from accounts.permissions import caller, requires
from monitoring.wire.filters import Query, Text
from monitoring.wire.idempotency import idempotent
from monitoring.wire.schema import problem
from realtime import rooms
from realtime.api.limits import limit_rooms
from realtime.api.serializers import (
    DirectInput,
    MyRoomOutput,
    RoomChangeInput,
    RoomInput,
    RoomOutput,
)
from realtime.models import Room

ACCESS = [requires("rooms:read", write="rooms:write")]
REFUSED = problem(403, "Not yours to do; `code` says why.")
CONFLICT = problem(409, "Not as things are; `code` says why.")
_SEARCH = Text(max_length=100, description="Part of the name or the slug.")


class RoomsView(ListAPIView[Room]):
    permission_classes = ACCESS
    serializer_class = RoomOutput
    queryset = Room.objects.none()  # for the schema
    ordering = ("name", "pk")
    query = Query(search=_SEARCH)

    @extend_schema(operation_id="rooms_list", summary="Public rooms", tags=["rooms"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[Room]":
        return rooms.search(rooms.public_rooms(), self.query.read(self.request)["search"] or "")

    @extend_schema(
        operation_id="rooms_create", summary="Make a room", tags=["rooms"],
        description="You own it.", request=RoomInput, responses={201: RoomOutput, **CONFLICT},
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        limit_rooms(request)
        data = parsed(RoomInput(data=request.data))
        room = rooms.create_room(creator=caller(request), **data)
        return Response(RoomOutput(room).data, status=status.HTTP_201_CREATED)


class MyRoomsView(ListAPIView[Room]):
    permission_classes = ACCESS
    serializer_class = MyRoomOutput
    queryset = Room.objects.none()  # for the schema
    ordering = ("name", "pk")
    query = Query(search=_SEARCH)

    @extend_schema(
        operation_id="rooms_mine", summary="Rooms that you are in, with what is unread",
        tags=["rooms"],
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[Room]":
        wanted = self.query.read(self.request)
        return rooms.search(rooms.rooms_of(caller(self.request)), wanted["search"] or "")


class DirectView(APIView):
    permission_classes = ACCESS

    @extend_schema(
        operation_id="rooms_direct", summary="The room of you and somebody else", tags=["rooms"],
        description="Made the first time.", request=DirectInput,
        responses={200: RoomOutput, 201: RoomOutput},
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        limit_rooms(request)
        data = parsed(DirectInput(data=request.data))
        other = get_object_or_404(User, public_id=data["user_id"], is_active=True)
        room, is_new = rooms.direct_room(one=caller(request), other=other)
        made = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(RoomOutput(room).data, status=made)


class RoomView(APIView):
    permission_classes = ACCESS

    @extend_schema(
        operation_id="rooms_read", summary="One room", tags=["rooms"],
        responses={200: RoomOutput, **REFUSED},
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        return Response(RoomOutput(rooms.find_room(slug, caller(request))).data)

    @extend_schema(
        operation_id="rooms_change", summary="Change a room", tags=["rooms"],
        request=RoomChangeInput,
        responses={200: RoomOutput, **REFUSED, **CONFLICT, **problem(412, "`version_stale`.")},
    )  # fmt: skip
    def patch(self, request: Request, slug: str) -> Response:
        limit_rooms(request)
        room = rooms.find_room(slug, caller(request))
        data = parsed(RoomChangeInput(data=request.data))
        expected = data.pop("version", None)
        changed = rooms.update_room(
            room=room, actor=caller(request), expected_version=expected, **data
        )
        return Response(RoomOutput(changed).data)

    @extend_schema(
        operation_id="rooms_close", summary="Close a room for good", tags=["rooms"],
        responses={204: None, **REFUSED},
    )  # fmt: skip
    def delete(self, request: Request, slug: str) -> Response:
        rooms.close_room(room=rooms.find_room(slug, caller(request)), actor=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
