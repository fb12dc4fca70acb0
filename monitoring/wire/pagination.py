"""Cursor pagination that stays right while rows arrive, and when many of them tie."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Field, Model, Q, QuerySet
from django.db.models.expressions import OrderBy
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from monitoring.wire.problem import Problem

CURSOR, LIMIT = "cursor", "limit"
_MAX_CURSOR = 2_000
_BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Column:
    """One name of the order; `nullable` puts its NULLs last, so that they can be walked through."""

    name: str
    descending: bool
    nullable: bool
    field: "Field[Any, Any] | None"

    def order(self, *, backwards: bool) -> OrderBy:
        descending = self.descending != backwards
        nulls_last = (not backwards) if self.nullable else None
        nulls_first = backwards if self.nullable else None
        return OrderBy(
            F(self.name),
            descending=descending,
            nulls_last=nulls_last or None,
            nulls_first=nulls_first or None,
        )

    def beyond(self, value: Any, *, backwards: bool) -> Q | None:
        """Rows strictly past `value`; None when there can be none."""
        if value is None:
            return Q(**{f"{self.name}__isnull": False}) if backwards else None
        operator = "lt" if self.descending != backwards else "gt"
        condition = Q(**{f"{self.name}__{operator}": value})
        if self.nullable and not backwards:
            condition |= Q(**{f"{self.name}__isnull": True})
        return condition

    def same(self, value: Any) -> Q:
        return Q(**{f"{self.name}__isnull": True} if value is None else {self.name: value})

    def read(self, row: Any) -> Any:
        value = row
        for part in self.name.split("__"):
            value = value[part] if isinstance(value, Mapping) else getattr(value, part)
        return value

    def parse(self, raw: Any) -> Any:
        """What a cursor holds came over the wire, and is believed only as far as its type."""
        if raw is None and self.nullable:
            return None
        if not isinstance(raw, str | int) or isinstance(raw, bool):
            raise _bad_cursor()
        value = self.field.to_python(raw) if self.field else raw
        if value is None or (isinstance(value, int) and not -_BIGGEST <= value <= _BIGGEST):
            raise _bad_cursor()
        if isinstance(value, str) and ("\x00" in value or not value.isprintable()):
            raise _bad_cursor()
        return value


class CursorPagination(BasePagination):
    """`next` and `previous` are addresses; what is in their cursor is nobody's business.

    The order is the view's `ordering` (a name or several, `-` for descending), else the queryset's
    own; the primary key is added to it, so no two rows tie.
    """

    ordering: tuple[str, ...] = ("-pk",)
    page_size = 50
    max_page_size = 100

    def paginate_queryset(
        self,
        queryset: "QuerySet[Any] | Sequence[Any]",
        request: Request,
        view: APIView | None = None,
    ) -> list[Any]:
        if not isinstance(queryset, QuerySet):
            raise TypeError("Only querysets have rows to point at.")
        self._url = request.build_absolute_uri()
        limit = self._limit(request)
        columns = _columns(queryset, self._ordering(queryset, view))
        position, backwards = _decode(request.query_params.get(CURSOR), columns)
        ordered = queryset.order_by(*(column.order(backwards=backwards) for column in columns))
        if position is not None:
            ordered = ordered.filter(_after(columns, position, backwards=backwards))
        rows = list(ordered[: limit + 1])
        more, rows = len(rows) > limit, rows[:limit]
        if backwards:
            rows.reverse()
        self._link(
            rows,
            columns,
            before=more if backwards else position is not None,
            after=True if backwards else more,
        )
        return rows

    def _link(self, rows: list[Any], columns: list[Column], *, before: bool, after: bool) -> None:
        self._next = self._previous = None
        if rows and after:
            self._next = self._address(_encode(rows[-1], columns, backwards=False))
        if rows and before:
            self._previous = self._address(_encode(rows[0], columns, backwards=True))

    def _address(self, cursor: str) -> str:
        return replace_query_param(self._url, CURSOR, cursor)

    def _limit(self, request: Request) -> int:
        raw = request.query_params.get(LIMIT)
        if raw is None:
            return self.page_size
        if not (
            raw.isascii() and raw.isdigit() and len(raw) < 5 and 0 < int(raw) <= self.max_page_size
        ):
            detail = f"limit must be a whole number from 1 to {self.max_page_size}."
            raise Problem("invalid_parameter", detail, errors=[{"field": LIMIT, "message": detail}])
        return int(raw)

    def _ordering(self, queryset: "QuerySet[Any]", view: APIView | None) -> tuple[str, ...]:
        names: Any = getattr(view, "ordering", None) or queryset.query.order_by or self.ordering
        return (names,) if isinstance(names, str) else tuple(names)

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._next, "previous": self._previous, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": ["string", "null"], "format": "uri"}
        following = address | {"example": "https://rally.example.org/api/links?cursor=WzAsNDJd"}
        preceding = address | {"example": None}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": following, "previous": preceding, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        del view
        bounds = {"type": "integer", "minimum": 1, "maximum": self.max_page_size}
        return [
            _parameter(CURSOR, "Where a page begins: from `next` or `previous`.", type="string"),
            _parameter(LIMIT, "How many results a page has.", default=self.page_size, **bounds),
        ]


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }


def _columns(queryset: "QuerySet[Any]", names: Iterable[str]) -> list[Column]:
    columns = [_column(queryset, str(name)) for name in names]
    given = {column.name for column in columns}
    key = {field.name for field in queryset.model._meta.pk_fields}  # noqa: SLF001 - no other way
    if "pk" not in given and not key <= given:
        columns.append(_column(queryset, "-pk" if columns[-1].descending else "pk"))
    return columns


def _column(queryset: "QuerySet[Any]", name: str) -> Column:
    bare = name.lstrip("-")
    field = _field(queryset, bare)
    # An annotation may be NULL whatever its field says.
    nullable = bare in queryset.query.annotations or bool(field and field.null)
    return Column(bare, name.startswith("-"), nullable, field)


def _field(queryset: "QuerySet[Any]", name: str) -> "Field[Any, Any] | None":
    if annotation := queryset.query.annotations.get(name):
        output: Field[Any, Any] | None = getattr(annotation, "_output_field_or_none", None)
        return output
    model: type[Model] = queryset.model
    found: Any = None
    for part in name.split("__"):
        found = model._meta.pk if part == "pk" else model._meta.get_field(part)  # noqa: SLF001
        model = found.related_model or model
    return found if isinstance(found, Field) else None


def _after(columns: list[Column], position: list[Any], *, backwards: bool) -> Q:
    """(a, b) > (x, y) as `a > x OR (a = x AND b > y)`, because the directions may differ."""
    condition, same = Q(pk__in=[]), Q()
    for column, value in zip(columns, position, strict=True):
        if (beyond := column.beyond(value, backwards=backwards)) is not None:
            condition |= same & beyond
        same &= column.same(value)
    return condition


def _encode(row: Any, columns: list[Column], *, backwards: bool) -> str:
    values = [_plain(column.read(row)) for column in columns]
    raw = json.dumps([int(backwards), *values], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _plain(value: Any) -> str | int | None:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if value is None or isinstance(value, int) else str(value)


def _decode(cursor: str | None, columns: list[Column]) -> tuple[list[Any] | None, bool]:
    if cursor is None:
        return None, False
    try:
        direction, *raw = _unpack(cursor)
        values = [column.parse(item) for column, item in zip(columns, raw, strict=True)]
    except (ValueError, TypeError, ArithmeticError, ValidationError, RecursionError):
        raise _bad_cursor() from None
    if direction not in (0, 1):
        raise _bad_cursor()
    return values, bool(direction)


def _unpack(cursor: str) -> list[Any]:
    if len(cursor) > _MAX_CURSOR:
        raise _bad_cursor()
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        unpacked = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except binascii.Error:
        raise _bad_cursor() from None
    if not isinstance(unpacked, list) or not unpacked:
        raise _bad_cursor()
    return unpacked


def _bad_cursor() -> Problem:
    return Problem("invalid_cursor", "This cursor is not one that we gave out.")
