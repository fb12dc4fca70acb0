"""Static files as small as browsers can read them.

WhiteNoise sends compressed copies that `collectstatic` has made; here nothing is collected. So the
first who asks a process for a file has it compressed, once in the life of the process: a chart
library of 200 kB travels as 70, which takes some ten milliseconds once.
"""

from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware

from monitoring.responses.variants import IDENTITY, chosen, encoded

# Every file that our pages load, and the schema's browser; a few hundred kB.
_MOST_KEPT = 64
_MAX_SIZE = 4 * 1024 * 1024


class CompressedFilesMiddleware(WhiteNoiseMiddleware):
    def serve(self, static_file: Any, request: HttpRequest) -> HttpResponseBase:
        """Overrides a static method: what is asked for is known here, and the file as well."""
        response: HttpResponseBase = super().serve(static_file, request)
        is_whole = response.status_code == HTTPStatus.OK and request.method == "GET"
        if is_whole and int(response["Content-Length"]) <= _MAX_SIZE:
            return _compressed(static_file, request, response)
        return response


def _compressed(
    static_file: Any, request: HttpRequest, response: HttpResponseBase
) -> HttpResponseBase:
    _, path, _ = static_file.alternatives[-1]  # the last is the file as it is
    bodies = _bodies(path, static_file.etag, response.get("Content-Type", ""))
    if len(bodies) == 1 or "Content-Encoding" in response:
        return response
    patch_vary_headers(response, ["Accept-Encoding"])
    encoding = chosen(request.headers.get("Accept-Encoding", "").encode("latin-1"), bodies)
    if encoding == IDENTITY:
        return response
    smaller = HttpResponse(bodies[encoding], headers=response.headers)
    response.close()
    smaller["Content-Encoding"] = encoding
    smaller["Content-Length"] = str(len(bodies[encoding]))
    return smaller


@lru_cache(maxsize=_MOST_KEPT)
def _bodies(path: str, etag: str, content_type: str) -> dict[str, bytes]:
    """`etag` changes with the file, so a copy of an older one is not asked for again."""
    del etag
    return encoded(Path(path).read_bytes(), content_type.encode())
