"""`python -m monitoring.supervisor.alive`: a container's health check. It asks no dependency."""

import http.client  # rule: network - to itself, on loopback
import os
import sys
from collections.abc import Mapping


def why_not_alive(environ: Mapping[str, str]) -> str:
    """Empty when the web server of this machine answers."""
    port = environ.get("BIND", "127.0.0.1:8000").rpartition(":")[2]
    # Django answers only to its own names; of `*` and `.rally.test` any name will do.
    allowed = environ.get("ALLOWED_HOSTS", "").split(",")[0].strip()
    headers = {"Host": allowed.lstrip("*.") or "localhost"}
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=4)
    try:
        connection.request("GET", "/api/health/live", headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"it does not answer: {error!r}"
    finally:
        connection.close()
    return "" if status == http.client.OK else f"it answers {status}"


if __name__ == "__main__":
    sys.exit(why_not_alive(os.environ) or None)  # an empty text would be a failure
