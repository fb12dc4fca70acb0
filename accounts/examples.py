"""The examples of the OpenAPI document."""

from drf_spectacular.utils import OpenApiExample

_PAIR = {"token": "eyJhbGciOi...", "refreshToken": "eyJhbGciOi..."}
_KEY = {
    "id": "5b1c6f0e-6e0f-4a57-9d9f-3f6a5f1f2c11",
    "name": "Website",
    "prefix": "k3v9x2m7q1ab",
    "scopes": ["links:read", "links:write"],
    "createdAt": "2031-05-01T09:30:00.000Z",
    "expiresAt": "2032-05-01T00:00:00.000Z",
    "lastUsedAt": None,
}

CREDENTIALS = OpenApiExample(
    "Operator", {"username": "alice", "password": "correct horse"}, request_only=True
)
TOKEN_PAIR = OpenApiExample("Signed in", _PAIR, response_only=True)
REFRESH = OpenApiExample(
    "Refresh token", {"refreshToken": _PAIR["refreshToken"]}, request_only=True
)
WHO = OpenApiExample(
    "Alice",
    {
        "user": {
            "id": "0d6ce7a4-3a8b-4f0c-8f0e-5f8b9f6f7a01",
            "username": "alice",
            "isOperator": True,
            "registeredAt": "2031-01-02T03:04:05.678Z",
        }
    },
    response_only=True,
)
KEY = OpenApiExample("A key", _KEY, response_only=True)
KEY_INPUT = OpenApiExample(
    "Read and write links",
    {name: _KEY[name] for name in ("name", "scopes", "expiresAt")},
    request_only=True,
)
NEW_KEY = OpenApiExample(
    "The new key", {**_KEY, "key": "rp_k3v9x2m7q1ab_..."}, response_only=True, status_codes=["201"]
)
