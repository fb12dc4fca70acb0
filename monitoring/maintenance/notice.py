"""What this process knows of the maintenance. Imports no Django."""

import msgspec

KEY = "rallypoint:maintenance"
DEFAULT_MESSAGE = "The service is being worked on. Reading goes on; try again later."
CODE = "maintenance"


class Notice(msgspec.Struct, frozen=True):
    """`version` grows with each change: an older notice never replaces a newer one."""

    version: int = 0
    is_on: bool = False
    message: str = ""

    @property
    def text(self) -> str:
        return self.message or DEFAULT_MESSAGE


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Notice).decode

_current = Notice()


def current() -> Notice:
    return _current


def put(notice: Notice) -> None:
    global _current  # noqa: PLW0603 - a fact about the whole process
    if notice.version >= _current.version:
        _current = notice


def forget() -> None:
    """For tests, whose databases come and go."""
    global _current  # noqa: PLW0603
    _current = Notice()
