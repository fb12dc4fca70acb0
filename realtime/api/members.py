"""`/api/rooms/{slug}/members`: coming, going, and what moderators do."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.parsing import parsed
from accounts.models import User
from accounts.permissions import caller
from monitoring.wire.filters import Flag, Query
from monitoring.wire.problems import Problem
from realtime import members, rooms
from realtime.api.limits import limit_rooms
from realtime.api.rooms import ACCESS, CONFLICT, REFUSED
from realtime.api.serializers import MemberInput, MemberOutput
from realtime.models import Member


class MembersView(ListAPIView[Member]):
    permission_classes = ACCESS
    serializer_class = MemberOutput
    queryset = Member.objects.none()  # for the schema
    ordering = ("joined_at", "pk")
    query = Query(banned=Flag(default=False, description="Those who may not come in."))

    @extend_schema(operation_id="members_list", summary="Who is in a room", tags=["rooms"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[Member]":
        room = rooms.find_room(self.kwargs["slug"], caller(self.request))
        banned = self.query.read(self.request)["banned"]
        if banned:
            members.refuse_unless_moderator(room, caller(self.request))
        return room.members.select_related("user").filter(banned_at__isnull=not banned)


class MemberView(APIView):
    permission_classes = ACCESS

    @extend_schema(
        operation_id="members_read", summary="One member", tags=["rooms"],
        responses={200: MemberOutput, **REFUSED},
    )  # fmt: skip
    def get(self, request: Request, slug: str, user_id: UUID) -> Response:
        room = rooms.find_room(slug, caller(request))
        found = room.members.select_related("user")
        return Response(MemberOutput(get_object_or_404(found, user__public_id=user_id)).data)

    @extend_schema(
        operation_id="members_put", summary="Come in, let somebody in, or change what they may do",
        description="Without a body: in. `role` is the owner's to give; moderators set "
        "`mutedUntil` (null: speak again) and `banned`, one at a time.", tags=["rooms"],
        request=MemberInput, responses={200: MemberOutput, 204: None, **REFUSED, **CONFLICT},
    )  # fmt: skip
    def put(self, request: Request, slug: str, user_id: UUID) -> Response:
        limit_rooms(request)
        data, actor = parsed(MemberInput(data=request.data)), caller(request)
        if len(data) > 1:
            raise Problem("one_at_a_time", "Name one of role, mutedUntil and banned.", status=400)
        room, user = rooms.find_room(slug, actor), _find(user_id)
        if "role" in data:
            member = members.set_role(room=room, actor=actor, user=user, role=data["role"])
        elif "muted_until" in data:
            member = members.mute(room=room, actor=actor, user=user, until=data["muted_until"])
        elif data.get("banned"):
            member = members.ban(room=room, actor=actor, user=user)
        elif "banned" in data:
            members.unban(room=room, actor=actor, user=user)
            return Response(status=status.HTTP_204_NO_CONTENT)
        elif user == actor:
            member = members.join_room(room=room, user=user)
        else:
            member = members.add_member(room=room, actor=actor, user=user)
        return Response(MemberOutput(member).data)

    @extend_schema(
        operation_id="members_delete", summary="Leave, or kick somebody", tags=["rooms"],
        responses={204: None, **REFUSED, **CONFLICT},
    )  # fmt: skip
    def delete(self, request: Request, slug: str, user_id: UUID) -> Response:
        room, user = rooms.find_room(slug, caller(request)), _find(user_id)
        if user == caller(request):
            members.leave_room(room=room, user=user)
        else:
            members.kick(room=room, actor=caller(request), user=user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _find(user_id: UUID) -> User:
    user: User = get_object_or_404(User, public_id=user_id, is_active=True)
    return user
