"""What the pages of ours in the admin have in common."""

from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget

Table = dict[str, Any]


def render_page(
    request: HttpRequest, model_admin: "ModelAdmin[Any]", name: str, title: str, **context: Any
) -> HttpResponse:
    """The template `admin/quests/{name}.html` as a page of the admin."""
    shared = model_admin.admin_site.each_context(request)
    content = {**shared, "title": title, **context}
    return TemplateResponse(request, f"admin/quests/{name}.html", content)


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget({"rows": 3}))
