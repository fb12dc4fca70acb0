"""Every operation of the API, as the document that this very code publishes describes it: a route
that is added tomorrow is in these tests tomorrow."""

import re
from functools import cache
from typing import Any, NamedTuple

from drf_spectacular.generators import SchemaGenerator

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_PARAMETER = re.compile(r"\{\w+\}")


class Operation(NamedTuple):
    method: str
    path: str  # with its parameters in braces
    document: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def security(self) -> list[dict[str, list[str]]]:
        """Any one of these is enough; no entry, or an empty one, is nobody at all."""
        given: list[dict[str, list[str]]] = self.document.get("security", [{}])
        return given

    @property
    def is_public(self) -> bool:
        return {} in self.security

    @property
    def takes_keys(self) -> bool:
        return any("apiKeyBearer" in one for one in self.security)

    @property
    def scopes(self) -> set[str]:
        return {scope for one in self.security for scope in one.get("apiKeyBearer", [])}

    @property
    def content_types(self) -> set[str]:
        return set(self.document.get("requestBody", {}).get("content", {}))

    @property
    def body(self) -> str:
        """The name of its body's schema; "" when it takes none, or one with its own language."""
        content = self.document.get("requestBody", {}).get("content", {})
        name: str = content.get("application/json", {}).get("schema", {}).get("$ref", "")
        return name.rpartition("/")[2]

    @property
    def fields(self) -> set[str]:
        """What that body may hold."""
        return set(document()["components"]["schemas"][self.body]["properties"])


@cache
def document() -> dict[str, Any]:
    generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call]
    found: dict[str, Any] = generator.get_schema(request=None, public=True)
    return found


@cache
def operations() -> tuple[Operation, ...]:
    return tuple(
        Operation(method.upper(), path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    )


def of(path: str) -> set[str]:
    """The methods that the document has for it."""
    return {operation.method for operation in operations() if operation.path == path}


def prefixes(path: str) -> list[str]:
    """The path up to the end of each of its parameters."""
    return [path[: found.end()] for found in _PARAMETER.finditer(path)]
