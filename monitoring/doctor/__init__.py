"""What is wrong with this installation, and what to do about it: `manage.py doctor`.

What the system checks (monitoring.checks) and the health checks (monitoring.health) know is asked
of them; here is what neither looks at, because it takes too long or is for operators alone.
"""
