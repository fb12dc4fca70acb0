"""Too much at once: some are refused quickly, so that the others are served.

In front of Django. Redirects are answered before a request comes here, and are never shed; sockets
have bounds of their own. Imports no Django.
"""

from monitoring.shedding.layer import Shedding

__all__ = ["Shedding"]
