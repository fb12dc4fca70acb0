"""Django's services, asked from the event loop: in a thread, which gives its connection back."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.core.exceptions import ObjectDoesNotExist
from django.db import Error

from accounts.models import User
from monitoring.wire.problems import Problem
from realtime import rooms
from realtime.messages import editing
from realtime.models import Message, Room
from realtime.socket.frames import Refusal
from realtime.socket.identity import unavailable

_P = ParamSpec("_P")
_R = TypeVar("_R")


async def ask(service: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Its answer; a Problem is a Refusal with the same code."""
    try:
        answer: _R = await database_sync_to_async(service)(*args, **kwargs)
    except Problem as problem:
        raise Refusal(problem.code, str(problem.detail)) from None
    except ObjectDoesNotExist:
        raise Refusal("not_found", "There is nothing like that.") from None
    except Error:
        raise unavailable() from None
    return answer


def edit_message(room_id: int, seq: int, editor_id: int, body: str) -> None:
    message = Message.objects.get(room_id=room_id, seq=seq)
    editing.edit_message(message=message, editor=User.objects.get(pk=editor_id), body=body)


def delete_message(room_id: int, seq: int, actor_id: int) -> None:
    message = Message.objects.get(room_id=room_id, seq=seq)
    editing.delete_message(message=message, actor=User.objects.get(pk=actor_id))


def direct_room(one_id: int, other: str) -> Room:
    """`other` is a public id."""
    person = User.objects.get(public_id=other, is_active=True)
    room, _ = rooms.direct_room(one=User.objects.get(pk=one_id), other=person)
    return room
