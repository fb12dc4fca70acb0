"""Events on their way out: `relay` makes a delivery of each event for each webhook that may hear of
it, `queue` says which are due and what becomes of them, `sending` posts them, `services` is for
their owners, `accounting` proves that none is missing (E4), `retention` forgets what has arrived.

A delivery is made at least once and carries the same id every time. Order is not promised.
"""
