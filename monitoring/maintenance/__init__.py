"""Maintenance: what is there is shown, nothing new is taken.

PostgreSQL keeps whether it is on (`services`), Redis announces it, and every web process looks at
the announcement a few times a second (`watcher`) and remembers it (`notice`). The first lock is in
front of Django (`layer`) and at the socket; the second one is the database's own, for whoever comes
by another way: `default_transaction_read_only`.
"""
