"""What a caller may do. Every view names one of these in `permission_classes`:

permission_classes = [requires("links:read")]
permission_classes = [requires("links:read", write="links:write")]
permission_classes = [IsPerson]
permission_classes = [IsOperator]
"""

from typing import cast

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import ApiKey, User
from accounts.scopes import Scope, held_by_person


class HasScope(BasePermission):
    """A person holds the scopes of a person, an API key those it was given. See `requires`."""

    to_read: Scope
    to_write: Scope
    code = "missing_scope"

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 (DRF's hook)
        if not request.user.is_authenticated:
            return False
        needed = self.needed(str(request.method))
        self.message = f"This needs the scope {needed}."
        return needed in held_scopes(request)

    @classmethod
    def needed(cls, method: str) -> Scope:
        return cls.to_read if method in SAFE_METHODS else cls.to_write


class IsPerson(BasePermission):
    """Somebody signed in. A key is refused: it could otherwise make itself a stronger key."""

    code = "person_required"
    message = "This needs a signed-in person, not an API key."

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 (DRF's hook)
        return bool(request.user.is_authenticated) and not isinstance(request.auth, ApiKey)


class IsOperator(IsPerson):
    code = "operator_required"
    message = "This needs an operator."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and bool(request.user.is_staff)


def requires(read: str, *, write: str | None = None) -> type[HasScope]:
    """A permission class: `read` for GET, HEAD and OPTIONS, `write` (else `read`) for the rest.

    An unknown scope is a ValueError while the view is being imported.
    """

    class Requires(HasScope):
        to_read = Scope(read)
        to_write = Scope(write or read)

    return Requires


def caller(request: Request) -> User:
    """The person, or the owner of the key; a view's permissions refuse everybody else before."""
    return cast("User", request.user)


def held_scopes(request: Request) -> frozenset[str]:
    """What the caller may do, and so what she may grant to a new key."""
    if isinstance(request.auth, ApiKey):
        return frozenset(request.auth.scopes)
    return frozenset(held_by_person(is_operator=request.user.is_staff))
