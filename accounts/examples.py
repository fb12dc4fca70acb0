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

_USER = {
    "id": "0d6ce7a4-3a8b-4f0c-8f0e-5f8b9f6f7a01",
    "walletAddress": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "username": "alice",
    "totalXP": 1250,
    "completedQuests": 7,
    "achievements": 3,
    "isOperator": False,
    "registeredAt": "2031-01-02T03:04:05.678Z",
}
_WALLET = {
    "address": _USER["walletAddress"],
    "isPrimary": True,
    "linkedAt": "2031-01-02T03:04:05.678Z",
}
_MESSAGE = (
    "rally.example.org wants you to sign in with your Ethereum account:\n"
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\n\nSign in to Rallypoint.\n\n"
    "URI: https://rally.example.org\nVersion: 1\nChain ID: 1\n"
    "Nonce: 5f0c3b1d9e2a4786b1c0d3e4f5a69788\nIssued At: 2031-05-01T09:30:00.000Z"
)

CREDENTIALS = OpenApiExample(
    "Operator", {"username": "alice", "password": "correct horse"}, request_only=True
)
TOKEN_PAIR = OpenApiExample("Signed in", _PAIR, response_only=True)
REFRESH = OpenApiExample(
    "Refresh token", {"refreshToken": _PAIR["refreshToken"]}, request_only=True
)
WHO = OpenApiExample("Alice", {"user": _USER}, response_only=True)
NONCE = OpenApiExample(
    "For one attempt",
    {
        "nonce": "5f0c3b1d9e2a4786b1c0d3e4f5a69788",
        "domain": "rally.example.org",
        "uri": "https://rally.example.org",
        "chainId": 1,
        "statement": "Sign in to Rallypoint.",
        "expiresAt": "2031-05-01T09:35:00.000Z",
    },
    response_only=True,
)
WALLET_PROOF = OpenApiExample(
    "A signed message",
    {"message": _MESSAGE, "signature": "0x" + "5a" * 64 + "1b"},
    request_only=True,
)
WALLET_SIGN_IN = OpenApiExample("Signed in", {**_PAIR, "user": _USER}, response_only=True)
WALLET = OpenApiExample("A wallet", _WALLET, response_only=True)
ENDED = OpenApiExample("Two sign-ins ended", {"ended": 2}, response_only=True)
KEY = OpenApiExample("A key", _KEY, response_only=True)
KEY_INPUT = OpenApiExample(
    "Read and write links",
    {name: _KEY[name] for name in ("name", "scopes", "expiresAt")},
    request_only=True,
)
NEW_KEY = OpenApiExample(
    "The new key", {**_KEY, "key": "rp_k3v9x2m7q1ab_..."}, response_only=True, status_codes=["201"]
)
