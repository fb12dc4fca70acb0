"""Circuit breakers: who does not answer is not asked for a while, so that nobody waits for it.

The pattern is that of M. Nygard's "Release It!" (2007); that slow calls count too, over a window of
the last calls, is from Resilience4j (its count-based sliding window). Imports no Django.

    breaker = Breaker("ethereum_rpc", Limits(slow_seconds=2.0), failures=(OutboundError,))
    with breaker.guard():        # or `async with`
        ask()                    # BreakerOpenError instead, while the circuit is open

One for each of many receivers: `Breakers("webhooks", ...).of(key)`. A breaker's opinion is that of
its process: each learns by itself, and none has to ask another one first.
"""

from monitoring.breakers.breaker import Breaker, BreakerOpenError, Limits, State
from monitoring.breakers.family import Breakers

__all__ = ["Breaker", "BreakerOpenError", "Breakers", "Limits", "State"]
