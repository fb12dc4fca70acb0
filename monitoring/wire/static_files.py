"""Static files as small as browsers can read them.

WhiteNoise sends compressed copies that `collectstatic` has made; here nothing is collected. So the
first who asks a process for a file has it compressed, once in the life of the process: a chart
library of 200 kB travels as 70, which takes some ten milliseconds once.

An image, and a server that ran `collectstatic`, name files with a hash of what is in them; those
are kept for a year.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from monitoring.responses.variants import IDENTITY, chosen, encoded

# Every file that our pages load, and the schema's browser; a few hundred kB.
_MOST_KEPT = 64
_MAX_SIZE = 4 * 1024 * 1024


class CollectedFilesStorage(ManifestStaticFilesStorage):
    """Names with a hash once `collectstatic` has made them, and plain ones before."""

    def stored_name(self, name: str) -> str:
        known: dict[str, str] = self.hashed_files
        return known.get(self.hash_key(name), name)


class CompressedFilesMiddleware(WhiteNoiseMiddleware):
    FOREVER = 365 * 24 * 3600  # s; for names with a hash

    def serve(self, static_file: Any, request: HttpRequest) -> HttpResponseBase:
        """Overrides a static method: what is asked for is known here, and the file as well."""
        if not isinstance(static_file, StaticFile) or not _is_for_all(static_file, request):
            return cast("HttpResponseBase", super().serve(static_file, request))
        _, path, headers = static_file.alternatives[-1]  # the last is the file as it is
        given = dict(headers)
        bodies = _bodies(path, static_file.etag, given.get("Content-Type", ""))
        encoding = chosen(request.headers.get("Accept-Encoding", "").encode("latin-1"), bodies)
        response = HttpResponse(bodies[encoding], headers=given)
        response["Content-Length"] = str(len(bodies[encoding]))
        if encoding != IDENTITY:
            response["Content-Encoding"] = encoding
        if len(bodies) > 1:
            patch_vary_headers(response, ["Accept-Encoding"])
        return response


def _is_for_all(static_file: Any, request: HttpRequest) -> bool:
    """Whether the whole of the file is asked for, by who has not got it."""
    _, _, headers = static_file.alternatives[-1]
    return (
        request.method == "GET"
        and "Range" not in request.headers
        and int(dict(headers)["Content-Length"]) <= _MAX_SIZE
        and not static_file.is_not_modified(request.META)
    )


@lru_cache(maxsize=_MOST_KEPT)
def _bodies(path: str, etag: str, content_type: str) -> dict[str, bytes]:
    """`etag` changes with the file, so a copy of an older one is not asked for again."""
    del etag
    return encoded(Path(path).read_bytes(), content_type.encode())
