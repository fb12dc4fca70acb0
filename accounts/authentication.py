"""How a request says who is calling: an API key, or the access token of a sign-in.

After it, `request.user` is the person and `request.auth` the proof: an `ApiKey`, a
`TokenFamily`, or None for a browser session. Views ask `accounts.permissions`, not this.
"""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import selectors, services
from accounts.models import ApiKey, TokenFamily, User
from accounts.throttling import count_failure

CHALLENGE = 'Bearer realm="rallypoint"'
_KEY_MARK = "rp_"


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        text = _api_key(request)
        if text is None:
            return None
        try:
            key = selectors.find_api_key(text=text)
        except AuthenticationFailed:
            count_failure(request)
            raise
        services.note_key_use(key=key)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 (DRF's hook)
        return CHALLENGE


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, TokenFamily] | None:
        token = _bearer(request)
        if token is None:
            return None
        family = selectors.find_family(access_token=token)
        return family.user, family

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 (DRF's hook)
        return CHALLENGE


def _api_key(request: Request) -> str | None:
    if (header := request.META.get("HTTP_X_API_KEY")) is not None:
        return str(header).strip()
    bearer = _bearer(request)
    return bearer if bearer is not None and bearer.startswith(_KEY_MARK) else None


def _bearer(request: Request) -> str | None:
    header = str(request.META.get("HTTP_AUTHORIZATION", ""))
    scheme, _, credential = header.strip().partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else None
