"""Two web hosts against one, each in a network namespace of its own with a fixed part of a core.

A machine of two cores cannot show what two machines do; equal, small parts of it can: what one host
with such a part answers, and what two with one each. PostgreSQL, Valkey and the load have no limit,
as they would have machines of their own. It needs Linux, root, `ip` and the cpu controller.
"""

from benchmarks.scale.measuring import run

__all__ = ["run"]
