"""Rooms, members and messages on the wire."""

from typing import Any

from rest_framework import serializers

from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField
from monitoring.wire.inputs import StrictInput
from realtime.doors import EVENT
from realtime.models import Member, Room
from realtime.models.message import MAX_BODY, MAX_CLIENT_ID
from realtime.words import one_line, sayable

STATUSES = ["online", "away", "busy"]
OPEN_KINDS = [Room.Kind.PUBLIC.value, Room.Kind.PRIVATE.value]


class RoomInput(StrictInput):
    slug = serializers.RegexField(
        r"\A[a-z0-9](?:[a-z0-9-]{1,48}[a-z0-9])\Z",
        help_text="3 to 50 small letters, digits and dashes.",
    )
    name = serializers.CharField(max_length=100, validators=[one_line])
    kind = serializers.ChoiceField(choices=OPEN_KINDS, default=Room.Kind.PUBLIC.value)
    topic = serializers.CharField(
        max_length=500, allow_blank=True, default="", validators=[one_line]
    )


class RoomChangeInput(StrictInput):
    name = serializers.CharField(max_length=100, required=False, validators=[one_line])
    topic = serializers.CharField(
        max_length=500, allow_blank=True, required=False, validators=[one_line]
    )
    kind = serializers.ChoiceField(choices=OPEN_KINDS, required=False)
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False,
        help_text="The one that you have looked at; a change since then is 412.",
    )  # fmt: skip


class DirectInput(StrictInput):
    user_id = serializers.UUIDField()


class RoomOutput(CamelCaseMixin, serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    slug = serializers.CharField()
    kind = serializers.ChoiceField(choices=Room.Kind.choices)
    name = serializers.CharField()
    topic = serializers.CharField()
    seq = serializers.IntegerField(source="last_seq", help_text="The newest message's number.")
    version = serializers.IntegerField()
    created_at = WireDateTimeField()


class MyRoomOutput(RoomOutput):
    role = serializers.ChoiceField(choices=Member.Role.choices)
    read_seq = serializers.IntegerField(help_text="The newest message that you have read.")
    unread = serializers.IntegerField()
    mentioned = serializers.IntegerField(help_text="How many of the unread ones name you.")


class RoomUserOutput(CamelCaseMixin, serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    username = serializers.CharField()


class MemberOutput(CamelCaseMixin, serializers.Serializer[Any]):
    user = RoomUserOutput()
    role = serializers.ChoiceField(choices=Member.Role.choices)
    joined_at = WireDateTimeField()
    muted_until = WireDateTimeField(allow_null=True)
    banned_at = WireDateTimeField(allow_null=True)


class MemberInput(StrictInput):
    role = serializers.ChoiceField(choices=Member.Role.choices, required=False)
    muted_until = serializers.DateTimeField(allow_null=True, required=False)
    banned = serializers.BooleanField(required=False)


class MessageInput(StrictInput):
    body = serializers.CharField(max_length=MAX_BODY, trim_whitespace=False, validators=[sayable])
    client_id = serializers.RegexField(
        rf"\A[\x21-\x7e]{{1,{MAX_CLIENT_ID}}}\Z", required=False,
        help_text="Chosen by you: the same again is the same message, not a second one.",
    )  # fmt: skip


class MessageChangeInput(MessageInput):
    client_id = None  # type: ignore[assignment]  # DRF's way to take a field out again


class MessageOutput(CamelCaseMixin, serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    id = serializers.UUIDField(source="public_id")
    sender = RoomUserOutput(
        source="sender", allow_null=True, help_text="Null when the person has been forgotten."
    )
    body = serializers.CharField(help_text="Empty when it was deleted.")
    at = WireDateTimeField(source="created_at")
    edited_at = WireDateTimeField(allow_null=True)
    deleted_at = WireDateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python."""
        fields = super().get_fields()
        return {("from" if name == "sender" else name): field for name, field in fields.items()}


class HistoryOutput(CamelCaseMixin, serializers.Serializer[Any]):
    seq = serializers.IntegerField(help_text="The room's newest number.")
    first_seq = serializers.IntegerField(help_text="The oldest one that it still has.")
    is_complete = serializers.BooleanField(
        help_text="False when messages after `after` are no longer kept."
    )
    messages = MessageOutput(many=True)


class PresentPersonOutput(CamelCaseMixin, serializers.Serializer[Any]):
    user = RoomUserOutput()
    status = serializers.ChoiceField(choices=STATUSES)
    note = serializers.CharField()


class PresenceOutput(CamelCaseMixin, serializers.Serializer[Any]):
    """A page of people, in the order of their ids."""

    present = serializers.IntegerField(help_text="How many there are on all pages.")
    next = serializers.URLField(allow_null=True)
    results = PresentPersonOutput(many=True)


class UserPresenceOutput(CamelCaseMixin, serializers.Serializer[Any]):
    user_id = serializers.UUIDField()
    connected = serializers.BooleanField()
    status = serializers.ChoiceField(choices=["", *STATUSES], help_text="Empty when not connected.")
    note = serializers.CharField()
    rooms = serializers.ListField(child=serializers.CharField(), help_text="Slugs.")


class PublishInput(StrictInput):
    event = serializers.RegexField(EVENT, help_text="Such as `quest:completed` or `notification`.")
    # DRF's own `data` is what a serializer makes, not a field of it.
    data = serializers.JSONField(required=False, default=None)  # type: ignore[assignment]


class DisconnectInput(StrictInput):
    reason = serializers.RegexField(
        r"\A[\x20-\x7e]{1,100}\Z", default="disconnected", help_text="Shown to the client."
    )
