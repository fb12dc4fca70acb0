"""Two kinds of admin: rows that services write, and rows that only the machine writes."""

from typing import Any, cast

from django import forms
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

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


class ReadOnlyAdmin(ModelAdmin):
    """Rows that only the machine writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False
