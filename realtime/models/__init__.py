from realtime.models.message import Message
from realtime.models.room import Member, Mute, Room
from realtime.models.stay import Stay

__all__ = ["Member", "Message", "Mute", "Room", "Stay"]
