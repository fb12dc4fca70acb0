"""Trying a change of a quest: who would gain or lose by it, before it is made."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ValidationError

from monitoring.wire.problems import Problem
from quests.admin.pages import render_page
from quests.admin.quest_form import LinesWidget
from quests.authoring import notation
from quests.authoring.document import document_of
from quests.authoring.dry_run import (
    MAX_TEXT,
    MOST_IN_A_REQUEST,
    DryRun,
    read_change,
    replay,
    sentences,
)
from quests.models import Quest


class ChangeForm(forms.Form):
    document = forms.CharField(
        label="The quest as it would be",
        max_length=MAX_TEXT,
        strip=False,
        help_text="YAML or JSON. What is left out stays as it is.",
        widget=LinesWidget({"rows": 24, "spellcheck": "false"}),
    )


def try_page(request: HttpRequest, model_admin: Any, quest: Quest) -> HttpResponse:
    """Nothing of it is saved, whatever is typed."""
    shown = {"document": notation.dump(document_of(quest))}
    form = ChangeForm(request.POST if request.method == "POST" else None, initial=shown)
    context: dict[str, Any] = {"form": form, "quest": quest, "most": MOST_IN_A_REQUEST}
    if form.is_valid():
        context["found"] = _tried(quest, form)
    return render_page(request, model_admin, "trying", f"Try a change of {quest}", **context)


def _tried(quest: Quest, form: ChangeForm) -> DryRun | None:
    try:
        document = read_change(form.cleaned_data["document"], quest.number)
        return replay(quest, document, most=MOST_IN_A_REQUEST)
    except ValueError as error:
        form.add_error("document", str(error))
    except (ValidationError, Problem) as error:
        for sentence in sentences(error):
            form.add_error("document", sentence)
    return None
