"""What the operators' pages of all apps have in common."""

from collections.abc import Callable, Iterable
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from accounts.models import User
from monitoring.wire.problems import Problem

# unfold draws a line of a list in some 1.2 ms, and a page is there within 50.
LIST_PER_PAGE = 20


class ReadOnly:
    """Shown, never made, changed or removed: a row here is somebody's proof."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin):
    list_per_page = LIST_PER_PAGE


def demand(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def operator(request: HttpRequest) -> User:
    """Who asks: the admin lets nobody in who is not signed in."""
    return cast("User", request.user)


def to_page(address: str, text: object) -> SafeString:
    return format_html(
        '<a class="break-words text-primary-600 dark:text-primary-500" href="{}">{}</a>',
        address,
        text,
    )


def try_each(
    request: HttpRequest, rows: Iterable[Any], act: Callable[[Any], object], done: str,
    name: Callable[[Any], str] = str,
) -> None:  # fmt: skip
    """Act on each row by itself; how many worked is told, and each refusal with its row."""
    worked = 0
    for row in rows:
        try:
            act(row)
            worked += 1
        except Problem as problem:
            messages.error(request, f"{name(row)}: {problem.detail}")
    if worked:
        messages.success(request, f"{worked} {done}.")
