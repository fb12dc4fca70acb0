"""What the API's serializers check of a request, checked of a row: nothing may fail later, in the
database, where one bad row would end the whole import."""

from typing import Any, cast

from django.core.exceptions import ValidationError

from links.fields import clean_link, refusal
from links.models import Campaign, Link
from links.services import LinkFields
from links.transfer.rows import ImportRow
from monitoring.wire.casing import camel


def clean_row(row: ImportRow, existing: Link | None) -> LinkFields:
    """The row's fields in the form in which they are stored; the target is one of them."""
    if row.has_password and not (existing and existing.has_password):
        raise refusal(
            "password",
            "password_unknown",
            "A password keeps this link, and no file can bring it: without it the link would "
            "be open to everybody. Make the link by hand.",
        )
    values = clean_link({**row.fields, "url": row.url}, **_window(existing))
    _check_columns(values)
    _check_campaign(row.campaign or "")
    return cast("LinkFields", values)


def _window(link: Link | None) -> dict[str, Any]:
    return {"starts_at": link.starts_at, "expires_at": link.expires_at} if link else {}


def _check_columns(values: dict[str, Any]) -> None:
    for name, value in values.items():
        _check(camel(name), Link._meta.get_field(name), value)  # noqa: SLF001 - public by its docs


def _check_campaign(name: str) -> None:
    if name:
        _check("campaign", Campaign._meta.get_field("name"), name)  # noqa: SLF001 - the same


def _check(field: str, column: Any, value: Any) -> None:
    try:
        column.clean(value, None)
    except ValidationError as error:
        first = error.error_list[0]
        raise refusal(field, first.code or "invalid", first.messages[0]) from None
