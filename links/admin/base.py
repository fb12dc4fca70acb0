"""Rows that services write."""

from typing import Any, cast

from django import forms
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from accounts.operating import LIST_PER_PAGE
from links.forms import show_problem
from monitoring.wire.problems import Problem


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A form whose values a service judges: what that refused is shown beside the fields."""

    refusal: Problem | None = None

    def clean(self) -> None:
        super().clean()
        if self.refusal is not None:
            show_problem(self, self.refusal)

    def _get_validation_exclusions(self) -> set[str]:
        """The model's own checks would speak of constraints, by their names in the database."""
        return {field.name for field in self._meta.model._meta.fields}  # noqa: SLF001


class ServiceAdmin(ModelAdmin):
    """When a service refuses, the same request is answered again, by a form that knows of it."""

    form = ServiceForm
    list_per_page = LIST_PER_PAGE
    _REFUSAL = "_service_refusal"

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return cast("HttpResponse", super().changeform_view(request, *args, **kwargs))
        except Problem as problem:
            setattr(request, self._REFUSAL, problem)
            return cast("HttpResponse", super().changeform_view(request, *args, **kwargs))

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> type[ServiceForm]:
        form: type[ServiceForm] = super().get_form(request, *args, **kwargs)
        return type(form.__name__, (form,), {"refusal": getattr(request, self._REFUSAL, None)})
