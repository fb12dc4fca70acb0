"""A private PostgreSQL and Valkey for an instance that was given no servers.

    with EmbeddedServers(Path("var")) as servers:
        servers.database_url, servers.redis_url

`discover(directory)` finds the running ones from another process. Settings import this package,
so it imports neither Django nor a database driver.
"""

from monitoring.embedded.errors import EmbeddedServerError
from monitoring.embedded.servers import EmbeddedServers
from monitoring.embedded.state import Urls, discover

__all__ = ["EmbeddedServerError", "EmbeddedServers", "Urls", "discover"]
