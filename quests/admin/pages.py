"""What the pages of ours in the admin have in common."""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.models import User
from monitoring.wire.problems import Problem

Table = dict[str, Any]


def render_page(
    request: HttpRequest, model_admin: "ModelAdmin[Any]", name: str, title: str, **context: Any
) -> HttpResponse:
    """The template `admin/quests/{name}.html` as a page of the admin."""
    shared = model_admin.admin_site.each_context(request)
    content = {**shared, "title": title, **context}
    return TemplateResponse(request, f"admin/quests/{name}.html", content)


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


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget({"rows": 3}))


def try_each(
    request: HttpRequest, rows: list[Any], act: Callable[[Any], object], done: str,
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
