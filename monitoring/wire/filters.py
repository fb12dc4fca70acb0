"""The query parameters of a list: each declared, typed and bounded; any other one is refused.

    class LinkList(APIView):
        query = Query(
            search=Text(max_length=200),
            created_from=Instant(),
            sort=Sort({"createdAt": "created_at", "clicks": "click_count"}, default="-createdAt"),
        )

        def get(self, request):
            wanted = self.query.read(request)   # {"search": None, "sort": ("-created_at",), ...}

Names are snake_case here and camelCase on the wire. A page's `cursor` and `limit` are known to
every query that says `paged` (the default).
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from django.http import QueryDict
from django.utils.dateparse import parse_date, parse_datetime
from rest_framework.request import Request

from monitoring.wire.casing import camel
from monitoring.wire.problem import Problem

_PAGING = frozenset({"cursor", "limit"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_BIGGEST = 2**63 - 1
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")


class Parameter(ABC):
    """How one parameter is read. `parse` raises ValueError with a sentence for the caller."""

    schema: dict[str, Any] = {"type": "string"}

    def __init__(self, *, default: Any = None, description: str = "") -> None:
        self.default = default
        self.description = description

    @abstractmethod
    def parse(self, raw: str) -> Any: ...


class Text(Parameter):
    def __init__(self, *, max_length: int = 255, **options: Any) -> None:
        super().__init__(**options)
        self.max_length = max_length
        self.schema = {"type": "string", "maxLength": max_length}

    def parse(self, raw: str) -> str:
        if _FORBIDDEN.search(raw):
            raise ValueError("must not hold a NUL character")
        if len(raw) > self.max_length:
            raise ValueError(f"must not be longer than {self.max_length} characters")
        return raw


class Integer(Parameter):
    def __init__(
        self, *, at_least: int = -_BIGGEST - 1, at_most: int = _BIGGEST, **options: Any
    ) -> None:
        super().__init__(**options)
        self.at_least, self.at_most = at_least, at_most
        self.schema = {"type": "integer", "minimum": at_least, "maximum": at_most}

    def parse(self, raw: str) -> int:
        if not _WHOLE.fullmatch(raw):
            raise ValueError("must be a whole number")
        if not self.at_least <= (number := int(raw)) <= self.at_most:
            raise ValueError(f"must be from {self.at_least} to {self.at_most}")
        return number


class Flag(Parameter):
    schema = {"type": "boolean"}
    _VALUES = {"true": True, "1": True, "false": False, "0": False}

    def parse(self, raw: str) -> bool:
        if raw.lower() not in self._VALUES:
            raise ValueError("must be true or false")
        return self._VALUES[raw.lower()]


class Choice(Parameter):
    """`allowed` may map what is on the wire to what it means; a plain list means itself."""

    def __init__(self, allowed: Iterable[str] | Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.allowed = dict(allowed if isinstance(allowed, Mapping) else ((a, a) for a in allowed))
        self.schema = {"type": "string", "enum": list(self.allowed)}

    def parse(self, raw: str) -> Any:
        if raw not in self.allowed:
            raise ValueError(f"must be one of {', '.join(self.allowed)}")
        return self.allowed[raw]


class Instant(Parameter):
    """A point in time; without an offset it is UTC."""

    schema = {"type": "string", "format": "date-time"}

    def parse(self, raw: str) -> datetime:
        # A "+" that was not percent-encoded has become a space on its way here.
        found = parse_datetime(raw.replace(" ", "+") if raw.count(" ") == 1 else raw)
        if found is None:
            raise ValueError("must be a time such as 2031-01-02T03:04:05Z")
        if found.tzinfo is None:
            return found.replace(tzinfo=UTC)
        try:
            return found.astimezone(UTC)
        except OverflowError:
            raise ValueError("is outside of the calendar") from None


class Day(Parameter):
    schema = {"type": "string", "format": "date"}

    def parse(self, raw: str) -> date:
        if (found := parse_date(raw)) is None:
            raise ValueError("must be a date such as 2031-01-02")
        return found


class Several(Parameter):
    """Several values of one kind, separated by commas."""

    def __init__(self, of: Parameter, *, at_most: int = 20, **options: Any) -> None:
        super().__init__(**{"default": (), **options})
        self.of, self.at_most = of, at_most
        self.schema = {"type": "array", "items": of.schema, "maxItems": at_most}

    def parse(self, raw: str) -> tuple[Any, ...]:
        parts = raw.split(",")
        if len(parts) > self.at_most:
            raise ValueError(f"must not name more than {self.at_most} values")
        return tuple(dict.fromkeys(self.of.parse(part.strip()) for part in parts))


class Sort(Parameter):
    """`createdAt` or `-createdAt` as a tuple for `order_by`; `allowed` maps wire names to ours."""

    def __init__(self, allowed: Mapping[str, str], *, default: str, **options: Any) -> None:
        self.allowed = dict(allowed)
        super().__init__(default=self.parse(default), **options)
        names = [f"{sign}{name}" for name in self.allowed for sign in ("", "-")]
        self.schema = {"type": "string", "enum": names, "default": default}

    def parse(self, raw: str) -> tuple[str, ...]:
        name = raw.removeprefix("-")
        if name not in self.allowed:
            raise ValueError(f"must be one of {', '.join(self.allowed)}, with - for descending")
        return (f"{'-' if raw.startswith('-') else ''}{self.allowed[name]}",)


class Query:
    def __init__(self, *, paged: bool = True, **parameters: Parameter) -> None:
        self.paged = paged
        self.parameters = {camel(name): (name, kind) for name, kind in parameters.items()}

    def read(self, request: Request) -> dict[str, Any]:
        """Every declared name with its value or default; one problem names all that is wrong."""
        given = request.query_params
        self._refuse_unknown(given)
        values, errors = {}, []
        for wire, (name, kind) in self.parameters.items():
            try:
                values[name] = kind.parse(_sole(given, wire)) if wire in given else kind.default
            except ValueError as error:
                errors.append({"field": wire, "message": f"{wire} {error}."})
        if errors:
            raise Problem("invalid_parameter", errors[0]["message"], errors=errors)
        return values

    def _refuse_unknown(self, given: QueryDict) -> None:
        known = self.parameters.keys() | (_PAGING if self.paged else frozenset())
        if unknown := [name for name in given if name not in known]:
            shown = ", ".join(sorted(known)) or "none"
            errors = [{"field": n[:100], "message": "Unknown parameter."} for n in unknown[:20]]
            raise Problem("unknown_parameter", f"Known parameters: {shown}.", errors=errors)

    def schema(self) -> list[dict[str, Any]]:
        return [
            {
                "name": wire,
                "in": "query",
                "required": False,
                "schema": kind.schema,
                **({"description": kind.description} if kind.description else {}),
                **({"explode": False} if isinstance(kind, Several) else {}),
            }
            for wire, (_, kind) in self.parameters.items()
        ]


def _sole(given: QueryDict, name: str) -> str:
    values = given.getlist(name)
    if len(values) != 1:
        raise ValueError("must not be given more than once")
    return str(values[0])
