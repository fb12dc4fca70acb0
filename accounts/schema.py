"""How the OpenAPI document describes the ways to say who is calling, and the scopes it takes."""

from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.permissions import BasePermission

from accounts.permissions import HasScope, IsPerson

Permission = TypeVar("Permission", bound=BasePermission)


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.ApiKeyAuthentication"
    name = ["apiKeyBearer", "apiKeyHeader"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """A list means that either is enough; OpenAPI 3.1 lets a requirement name its scopes."""
        if _kinds(auto_schema, IsPerson):
            return []
        method = auto_schema.method.upper()
        needed = [str(kind.needed(method)) for kind in _kinds(auto_schema, HasScope)]
        return [{name: needed} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:  # noqa: ARG002
        return [
            {"type": "http", "scheme": "bearer", "description": "An API key: `rp_...`."},
            {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        ]


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.TokenAuthentication"
    name = "signIn"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The `token` of `POST /api/auth/login` or `/api/auth/token`.",
        }


def _kinds(auto_schema: Any, wanted: type[Permission]) -> list[type[Permission]]:
    return [
        kind
        for kind in auto_schema.view.permission_classes
        if isinstance(kind, type) and issubclass(kind, wanted)
    ]
