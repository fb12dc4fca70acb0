"""How often somebody may do something: rates by tier, counted exactly over all processes.

`rates` are the tiers, their windows and the callers' names; `counting` adds up in Redis or, while
that is away, in memory; `limits` is the door for the event loop, `cache` the one for threads, by
which django-ratelimit counts; `refusals` tells operators who is being limited.
"""
