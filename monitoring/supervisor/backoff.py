from dataclasses import dataclass


@dataclass
class Backoff:
    """How long to wait before a program that ended is started again."""

    first: float = 0.5
    longest: float = 30
    healthy_after: float = 30  # having lived so long, a program starts with a clean record
    loop_of: int = 5

    failures: int = 0

    def failed(self, *, lived: float) -> float:
        """Note a failure; the seconds to wait."""
        self.failures = 1 if lived >= self.healthy_after else self.failures + 1
        return float(min(self.longest, self.first * 2 ** (self.failures - 1)))

    @property
    def is_looping(self) -> bool:
        """True at one failure of a series, so that it is said once."""
        return self.failures == self.loop_of
