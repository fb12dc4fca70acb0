"""`Idempotency-Key`: a POST that is repeated answers again, but happens once.

    class LinkList(APIView):
        @idempotent
        def post(self, request): ...

The key's row is written in the transaction of the effect, under an advisory lock: whoever comes
while the first one runs is told so instead of waiting; when the first one dies, its transaction
takes row, lock and effect with it. A key counts for its caller and route, for 24 hours.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any, overload

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.models import IdempotencyKey
from monitoring.wire.problem import Problem
from monitoring.wire.renderers import WireJSONRenderer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LIFETIME = timedelta(hours=24)

_VALID = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = ("Location", "ETag", "Content-Language")

Handler = Callable[..., Response]


@overload
def idempotent(handler: Handler) -> Handler: ...
@overload
def idempotent(*, sensitive: bool) -> Callable[[Handler], Handler]: ...
def idempotent(
    handler: Handler | None = None, *, sensitive: bool = False
) -> Handler | Callable[[Handler], Handler]:
    """Of a DRF handler. A `sensitive` answer is not kept: repeating it is refused with a 409 that
    says that it was done, so a secret is shown once and yet no second one is made."""

    def decorate(inner: Handler) -> Handler:
        @wraps(inner)
        def wrapped(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            attempt = _attempt(request)
            if attempt is None:
                return inner(view, request, *args, **kwargs)
            return attempt.run(lambda: inner(view, request, *args, **kwargs), sensitive=sensitive)

        wrapped.idempotent = True  # type: ignore[attr-defined]  # read by the schema
        return wrapped

    return decorate if handler is None else decorate(handler)


def _attempt(request: Request) -> "Attempt | None":
    """None without a key, and for somebody unknown, whose keys would be everybody's."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None or not request.user.is_authenticated:
        return None
    if not _VALID.fullmatch(key):
        detail = f"{HEADER} must be 1 to 255 visible ASCII characters."
        raise Problem("idempotency_key_invalid", detail, status=400)
    match = request.resolver_match
    route = match.route if match else request.path
    scope = _digest(str(request.user.pk), str(request.method), route, key)
    return Attempt(scope, _fingerprint(request))


def _fingerprint(request: Request) -> str:
    """Of what was asked; the same JSON in another spelling is the same question."""
    content_type = (request.content_type or "").partition(";")[0].strip().lower()
    data: Any = request.data
    if isinstance(data, bytes):  # a view that takes files reads them as they are
        body = hashlib.sha256(data).hexdigest()
    elif content_type == "application/json":
        body = json.dumps(request.data, sort_keys=True, cls=DjangoJSONEncoder)
    else:
        body = hashlib.sha256(request.body).hexdigest()
    return _digest(request.get_full_path(), content_type, body)


def _digest(*parts: str) -> str:
    """Each part with its length before it, so that no two lists of parts look alike."""
    hasher = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hasher.update(len(raw).to_bytes(8, "big") + raw)
    return hasher.hexdigest()


@dataclass(frozen=True, slots=True)
class Attempt:
    scope: str
    fingerprint: str

    def run(self, effect: Callable[[], Response], *, sensitive: bool) -> Response:
        with transaction.atomic():
            self._lock()
            if kept := IdempotencyKey.objects.filter(scope=self.scope).first():
                if kept.expires_at > timezone.now():
                    return self._replay(kept)
                kept.delete()
            response = effect()
            if response.status_code < 400:
                self._keep(response, sensitive=sensitive)
            return response

    def _lock(self) -> None:
        """Given back by PostgreSQL at commit, and only then is the row there for the next one."""
        number = int.from_bytes(bytes.fromhex(self.scope[:16]), "big", signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
            (granted,) = cursor.fetchone() or (False,)
        if not granted:
            raise Problem(
                "idempotency_in_progress",
                "The first request with this key is still running.",
                status=409,
                headers={"Retry-After": "1"},
            )

    def _replay(self, kept: IdempotencyKey) -> Response:
        if kept.fingerprint != self.fingerprint:
            detail = "This key was used for another request."
            raise Problem("idempotency_key_reused", detail, status=422)
        if kept.body is None:
            detail = "This was done already; the answer held a secret and was not kept."
            raise Problem("idempotent_answer_withheld", detail, status=409)
        data = json.loads(kept.body) if kept.body else None
        return Response(data, kept.status, headers={**kept.headers, REPLAYED: "true"})

    def _keep(self, response: Response, *, sensitive: bool) -> None:
        now = timezone.now()
        IdempotencyKey.objects.create(
            scope=self.scope,
            fingerprint=self.fingerprint,
            status=response.status_code,
            headers=_kept_headers(response),
            body=None if sensitive else WireJSONRenderer().render(response.data).decode(),
            created_at=now,
            expires_at=now + LIFETIME,
        )


def _kept_headers(response: Mapping[str, Any] | Any) -> dict[str, str]:
    return {name: str(response[name]) for name in _KEPT_HEADERS if name in response}


def forget_expired(*, batch: int = 5_000) -> int:
    """How many were deleted. In batches, because a day's keys in one statement would hold locks."""
    total = 0
    while True:
        expired = IdempotencyKey.objects.filter(expires_at__lte=timezone.now())
        scopes = list(expired.values_list("scope", flat=True)[:batch])
        total += IdempotencyKey.objects.filter(scope__in=scopes).delete()[0]
        if len(scopes) < batch:
            return total
