"""The demo's quests: `story` says what there is to do, `cast` who does it, `playing` has it done by
the services, `clearing` removes it."""

from quests.demo.cast import make_cast
from quests.demo.clearing import InUseError, clear, refuse_in_use
from quests.demo.playing import load

__all__ = ["InUseError", "clear", "load", "make_cast", "refuse_in_use"]
