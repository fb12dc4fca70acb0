from realtime.models.message import Message
from realtime.models.room import Member, Mute, Room

__all__ = ["Member", "Message", "Mute", "Room"]
