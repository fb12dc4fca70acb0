"""What a proof of the numbers finds: E1 to E5, each looked at by the app that it is about."""

from typing import NamedTuple


class Difference(NamedTuple):
    """`expected` and `found` differ for `subject`; positive `missing` is what was lost."""

    equation: str
    subject: str
    expected: int
    found: int

    @property
    def missing(self) -> int:
        return self.expected - self.found
