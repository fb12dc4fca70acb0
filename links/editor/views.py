"""The editor's page: parse, call one service, render."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods

from links import services
from links.access import own_link, person
from links.editor.routes import Deed, Rows
from links.editor.trial import TrialForm, Verdict
from links.fields import clean_link
from links.forms import EditLinkForm, show_problem
from links.models import Link
from links.periods import zone_in
from monitoring.wire.problems import Problem

_TRY = "try"


class Editor:
    """The three parts of the form: the link's fields, its rules, its variants."""

    def __init__(self, request: HttpRequest, link: Link) -> None:
        data = request.POST if request.method == "POST" else None
        self.zone = zone_in(request.GET if data is None else data)
        self.link, self.deed = link, Deed.read(request.POST.get("deed", ""))
        with timezone.override(self.zone):
            self.form = EditLinkForm(link, data, zone=self.zone)
            self.rules = Rows("rules", link.rules, data)
            self.variants = Rows("variants", link.variants, data)

    def is_valid(self) -> bool:
        return all([self.form.is_valid(), self.rules.is_valid(), self.variants.is_valid()])

    def changes(self) -> services.LinkFields:
        changed = cast("dict[str, Any]", self.form.changes())
        for rows in (self.rules, self.variants):
            if (said := rows.changed()) is not None:
                changed[rows.kind] = said
        return cast("services.LinkFields", changed)

    def rearrange(self, deed: Deed) -> None:
        self.rules.after(deed)
        self.variants.after(deed)

    def show(self, problem: Problem) -> None:
        """What concerns a row stands in that row, the rest beside its field."""
        for error in problem.errors:
            head, *path = error["field"].split(".")
            if head not in {"rules", "variants"}:
                show_problem(self.form, problem)
                return
            rows = self.rules if head == "rules" else self.variants
            rows.add_error(path, error["message"])
        if not problem.errors:
            show_problem(self.form, problem)

    @property
    def has_errors(self) -> bool:
        rows = (self.rules, self.variants)
        return any(
            [self.form.errors, *(each.errors for each in rows)]
            + [form.errors for each in rows for form in each.forms if form.is_bound]
        )


@gzip_page  # the list of time zones is most of it
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_link(request: HttpRequest, public_id: UUID) -> HttpResponse:
    link = own_link(request, public_id)
    editor = Editor(request, link)
    with timezone.override(editor.zone):
        verdict = None
        trial = TrialForm(request.POST or None, prefix="trial")
        if editor.deed:
            editor.rearrange(editor.deed)
        elif request.POST.get("deed") == _TRY:
            verdict = _tried(editor, trial)
        elif request.method == "POST" and _is_saved(request, editor):
            messages.success(request, "Saved.")
            return redirect(f"{reverse('links:detail', args=[public_id])}?tz={editor.zone.key}")
        is_wrong = request.method == "POST" and not editor.deed and editor.has_errors
        context = {"link": link, "editor": editor, "form": editor.form, "tz": editor.zone.key}
        context |= {"trial": trial, "verdict": verdict}
        return render(request, "links/edit.html", context, status=400 if is_wrong else 200)


def _is_saved(request: HttpRequest, editor: Editor) -> bool:
    """Whether the service took it; what it refused stands in the form then."""
    if not editor.is_valid():
        return False
    try:
        if changes := editor.changes():
            services.update_link(link=editor.link, changed_by=person(request), **changes)
    except Problem as problem:
        editor.show(problem)
        return False
    return True


def _tried(editor: Editor, trial: TrialForm) -> Verdict | None:
    """What the form would do once saved; nothing is saved here."""
    if not (editor.is_valid() and trial.is_valid()):
        return None
    fields = cast("dict[str, Any]", editor.changes())
    fields.pop("password", None)  # counts as entered, and hashing it takes a while
    link = editor.link
    try:
        unsaved = clean_link(fields, starts_at=link.starts_at, expires_at=link.expires_at)
    except Problem as problem:
        editor.show(problem)
        return None
    return trial.verdict(link, unsaved)
