"""`/api/realtime`: the server's door to people who are connected, for trusted programs."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.parsing import parsed
from accounts.models import User
from monitoring.wire.problems import Problem
from realtime import doors
from realtime.api.limits import limit_publishing
from realtime.api.presence import TRUSTED
from realtime.api.serializers import DisconnectInput, PublishInput
from realtime.models import Room

_NOT_STORED = "Whoever is not connected does not get it."


class UserView(APIView):
    permission_classes = TRUSTED
    own_tiers = True

    @extend_schema(
        operation_id="realtime_send_to_user", summary="To all connections of one person",
        description=_NOT_STORED, tags=["realtime"], request=PublishInput, responses={202: None},
    )  # fmt: skip
    def post(self, request: Request, user_id: UUID) -> Response:
        get_object_or_404(User, public_id=user_id)
        return _publish(request, doors.send_to_user, str(user_id))


class RoomView(APIView):
    permission_classes = TRUSTED
    own_tiers = True

    @extend_schema(
        operation_id="realtime_send_to_room", summary="To everybody who is in a room now",
        description=_NOT_STORED, tags=["realtime"], request=PublishInput, responses={202: None},
    )  # fmt: skip
    def post(self, request: Request, slug: str) -> Response:
        get_object_or_404(Room, slug=slug, closed_at=None)
        return _publish(request, doors.send_to_room, slug)


class BroadcastView(APIView):
    permission_classes = TRUSTED
    own_tiers = True

    @extend_schema(
        operation_id="realtime_broadcast", summary="To everybody who is connected",
        description=_NOT_STORED, tags=["realtime"], request=PublishInput, responses={202: None},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        return _publish(request, doors.broadcast)


class DisconnectView(APIView):
    permission_classes = TRUSTED
    own_tiers = True

    @extend_schema(
        operation_id="realtime_disconnect", summary="End somebody's connections",
        description="Her sign-ins go on: she may come back. To keep her out, end those.",
        tags=["realtime"], request=DisconnectInput, responses={202: None},
    )  # fmt: skip
    def post(self, request: Request, user_id: UUID) -> Response:
        limit_publishing(request)
        get_object_or_404(User, public_id=user_id)
        data = parsed(DisconnectInput(data=request.data))
        return _accepted(doors.disconnect_user(str(user_id), data["reason"]))


def _publish(request: Request, send: Callable[..., bool], *to: str) -> Response:
    limit_publishing(request)
    data: dict[str, Any] = parsed(PublishInput(data=request.data))
    try:
        return _accepted(send(*to, data["event"], data["data"]))
    except ValueError as error:
        raise Problem("event_refused", str(error), status=400) from None


def _accepted(was_sent: bool) -> Response:  # noqa: FBT001 - the doors' only answer
    if not was_sent:
        detail = "Nobody can be reached for a moment. Try again shortly."
        raise Problem("realtime_unavailable", detail, status=503, headers={"Retry-After": "2"})
    return Response(status=status.HTTP_202_ACCEPTED)
