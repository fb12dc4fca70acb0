"""A quest as a form. What it makes is a document; what may be in one, quests.authoring judges."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from rest_framework import exceptions
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from links.admin.base import ServiceForm
from monitoring.wire.casing import camel, snake
from monitoring.wire.fields import instant
from monitoring.wire.mapping import as_problem
from monitoring.wire.problem import FieldError, Problem
from quests.authoring import notation
from quests.authoring.document import MAX_STEPS, document_of, read
from quests.markdown import render
from quests.models import Quest
from quests.requirements.registry import kinds

_LONGEST_YAML = 50_000
_PREREQUISITES = (
    "YAML or JSON, such as: all: [{quest: 3}, {not: {quest: 9}}, {any: [{level: 5}, {xp: 500}, "
    "{achievement: oak}]}]. Empty asks for nothing."
)
_STALE = (
    "Somebody else has changed this quest since you opened it; its versions say what. Nothing of "
    "what you typed is lost: saving again puts it in place of their change."
)
_WRONG_STEP = "A step is not right yet: see below."


class LinesWidget(UnfoldAdminTextareaWidget):
    """Browsers send CRLF for what was one line feed: saving would change what nobody touched."""

    def value_from_datadict(self, *args: Any) -> Any:
        text = super().value_from_datadict(*args)
        return text.replace("\r\n", "\n") if isinstance(text, str) else text


class YamlField(forms.Field):
    def __init__(self, rows: int, **kwargs: Any) -> None:
        widget = LinesWidget({"rows": rows, "spellcheck": "false"})
        super().__init__(required=False, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else notation.dump(value) if value else ""

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip():
            return value or {}
        if len(value) > _LONGEST_YAML:
            raise ValidationError(f"This is over {_LONGEST_YAML:,} characters.", code="max_length")
        try:
            return notation.parse(value)
        except ValueError as error:
            raise ValidationError(str(error), code="yaml") from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Written another way it is still the same, and so is nothing."""
        try:
            return bool(self.to_python(data) != (initial or {}))
        except ValidationError:
            return True


class StepForm(forms.Form):
    id = forms.CharField(label="Id", max_length=50, widget=UnfoldAdminTextInputWidget)
    kind = forms.ChoiceField(label="Kind", widget=UnfoldAdminSelectWidget)
    title = forms.CharField(label="Title", max_length=200, widget=UnfoldAdminTextInputWidget)
    config = YamlField(label="Configuration", rows=8)
    ordered = forms.BooleanField(
        label="Only after the step before it",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )
    within_seconds = forms.IntegerField(
        label="Within so many seconds of it",
        required=False,
        min_value=1,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(kind.name, kind.title) for kind in kinds().values()]
        cast("forms.ChoiceField", self.fields["kind"]).choices = [("", "---------"), *known]

    def step(self) -> dict[str, Any]:
        given = self.cleaned_data
        step = {name: given[name] for name in ("id", "kind", "title", "config")}
        if given["ordered"] or given["within_seconds"]:
            step |= {"ordered": given["ordered"], "withinSeconds": given["within_seconds"]}
        return step


class _Steps(forms.BaseFormSet):  # type: ignore[type-arg]  # not subscriptable at run time
    """`ordered_forms` are in the order that was typed, without the empty and the deleted."""

    def add_fields(self, form: StepForm, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["ORDER"].widget = UnfoldAdminIntegerFieldWidget()
        form.fields["DELETE"].widget = UnfoldBooleanSwitchWidget()


StepFormSet = forms.formset_factory(
    StepForm, formset=_Steps, extra=1, can_order=True, can_delete=True, max_num=MAX_STEPS + 5
)


class QuestForm(ServiceForm):
    """`document` is what the services are given. `expected_version` is the one that was shown."""

    expected_version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    prerequisites = YamlField(rows=7, help_text=_PREREQUISITES)
    # Set by the admin when a button said so; else the status stays.
    wanted_status = ""

    class Meta:
        model = Quest
        fields = "__all__"  # the admin's fieldsets say which

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = document_of(self.instance) if self.instance.pk else {}
        self.initial["expected_version"] = self.instance.version if self.instance.pk else None
        self.steps = StepFormSet(
            self.data if self.is_bound else None,
            prefix="steps",
            initial=[_typed(step) for step in self.before.get("steps", [])],
        )
        if "content" in self.fields:  # one who only looks has no fields
            self.fields["xp_reward"].label = "XP"
            attrs = {"rows": 14, "data-preview": reverse("admin:quests_quest_preview")}
            self.fields["content"].widget = LinesWidget(attrs)
        if self.refusal is not None and self.refusal.code == "version_stale":
            self._take_over(self.refusal)

    def is_valid(self) -> bool:
        return super().is_valid() and self.steps.is_valid()

    def clean(self) -> None:
        super().clean()
        if not self.steps.is_valid():
            self.add_error(None, _WRONG_STEP)
        if self.refusal is not None or self.errors:
            return
        try:
            read(self.document())
        except exceptions.ValidationError as error:
            for item in _errors(error):
                self._show(item)

    def document(self) -> dict[str, Any]:
        typed = {
            camel(name): _wire(value)
            for name, value in self.cleaned_data.items()
            if name in self.changed_data and name != "expected_version"
        }
        status = {"status": self.wanted_status} if self.wanted_status else {}
        steps = [form.step() for form in self.steps.ordered_forms]
        return {**self.before, **typed, **status, "steps": steps}

    def _show(self, error: FieldError) -> None:
        """Beside the field, or at the step's row, that it is about."""
        first, *rest = error["field"].split(".")
        message = ValidationError(error["message"], code="invalid")
        if first == "steps" and len(rest) > 1:
            row = self.steps.ordered_forms[int(rest[0])]
            field = snake(rest[1])
            row.add_error(field if field in row.fields else None, message)
            first, message = "", ValidationError(_WRONG_STEP, code="step")
        name = snake(first)
        self.add_error(name if name in self.fields else None, message)

    def _take_over(self, refusal: Problem) -> None:
        """The next save is of what is there now, so that nobody is caught in a stale form."""
        refusal.detail = _STALE  # type: ignore[assignment]  # DRF's own class of texts
        data = cast("QueryDict", self.data).copy()
        data["expected_version"] = str(refusal.extra["version"])
        self.data = data


def kinds_help() -> Iterator[tuple[str, SafeString]]:
    """What a step of each kind is configured with: its class says it, with an example."""
    for kind in kinds().values():
        described = render(inspect.getdoc(type(kind)) or "")
        yield kind.title, mark_safe(described)  # noqa: S308 - our renderer's, of our own docstring


def _typed(step: Mapping[str, Any]) -> dict[str, Any]:
    """A document's step, by the names of the form's fields."""
    return {snake(name): value for name, value in step.items()}


def _errors(error: exceptions.ValidationError) -> list[FieldError]:
    problem = as_problem(error)
    return list(problem.errors) if problem else []


def _wire(value: Any) -> Any:
    """As it stands in a document."""
    if hasattr(value, "slug"):
        return value.slug
    return instant(value) if hasattr(value, "isoformat") else value


def duplicate_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same quest, not yet published and under the next number."""
    title = f"{document['title'][:190]} (copy)"
    copied = {name: value for name, value in document.items() if name != "number"}
    return copied | {"title": title, "status": Quest.Status.DRAFT.value}
