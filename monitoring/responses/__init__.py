"""Public answers kept in front of Django: which are kept, for how long, and what makes them stale.

A view offers its answer for keeping by `keep(response, ...)`, with a tag for what the answer speaks
of and the tag's generation *before* the view began to read. Whoever changes that thing raises the
generation after the commit. So an answer that was computed from old rows, however slowly, is never
served for longer than it takes to say so.
"""
