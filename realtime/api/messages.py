"""`/api/rooms/{slug}/messages`: history, and speaking without a socket."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.parsing import parsed
from accounts.permissions import caller
from monitoring.wire.filters import Integer, Query
from realtime import rooms
from realtime.api.limits import limit_messages
from realtime.api.rooms import ACCESS, CONFLICT, REFUSED
from realtime.api.serializers import (
    HistoryOutput,
    MessageChangeInput,
    MessageInput,
    MessageOutput,
)
from realtime.messages import editing, posting
from realtime.messages.history import MOST, PAGE, read_history
from realtime.models import Message


class MessagesView(APIView):
    permission_classes = ACCESS
    query = Query(
        paged=False,
        after=Integer(at_least=0, description="The newest number that you have."),
        before=Integer(at_least=1, description="The oldest number that you have."),
        limit=Integer(at_least=1, at_most=MOST, default=PAGE),
    )

    @extend_schema(
        operation_id="messages_list", summary="What was said, oldest first", tags=["rooms"],
        description="Without `after`, the newest. Numbers have no gaps.",
        responses={200: HistoryOutput, **REFUSED},
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        wanted = self.query.read(request)
        history = read_history(room=rooms.find_room(slug, caller(request)), **wanted)
        return Response(HistoryOutput(history).data)

    @extend_schema(
        operation_id="messages_post", summary="Say something", tags=["rooms"],
        request=MessageInput,
        responses={201: MessageOutput, 200: MessageOutput, **REFUSED, **CONFLICT},
    )  # fmt: skip
    def post(self, request: Request, slug: str) -> Response:
        limit_messages(request)
        room = rooms.find_room(slug, caller(request))
        data = parsed(MessageInput(data=request.data))
        message, is_new = posting.post_message(room=room, sender=caller(request), **data)
        made = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(MessageOutput(message).data, status=made)


class MessageView(APIView):
    permission_classes = ACCESS

    @extend_schema(
        operation_id="messages_change", summary="Change what you said", tags=["rooms"],
        request=MessageChangeInput, responses={200: MessageOutput, **REFUSED, **CONFLICT},
    )  # fmt: skip
    def patch(self, request: Request, slug: str, seq: int) -> Response:
        limit_messages(request)
        data = parsed(MessageChangeInput(data=request.data))
        message = editing.edit_message(
            message=_find(request, slug, seq), editor=caller(request), body=data["body"]
        )
        return Response(MessageOutput(message).data)

    @extend_schema(
        operation_id="messages_delete", summary="Take back what was said", tags=["rooms"],
        description="Its number stays, without words.", responses={204: None, **REFUSED},
    )  # fmt: skip
    def delete(self, request: Request, slug: str, seq: int) -> Response:
        editing.delete_message(message=_find(request, slug, seq), actor=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _find(request: Request, slug: str, seq: int) -> Message:
    room = rooms.find_room(slug, caller(request))
    message: Message = get_object_or_404(Message, room=room, seq=seq)
    return message
