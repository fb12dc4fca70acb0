from realtime.models.message import Message
from realtime.models.room import Member, Room

__all__ = ["Member", "Message", "Room"]
