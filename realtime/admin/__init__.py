from realtime.admin.members import MemberAdmin
from realtime.admin.messages import MessageAdmin
from realtime.admin.rooms import RoomAdmin

__all__ = ["MemberAdmin", "MessageAdmin", "RoomAdmin"]
