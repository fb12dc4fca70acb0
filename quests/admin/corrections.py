"""What every correction of XP in the admin asks first: the reason, on a page of its own."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.operating import try_each
from quests.admin.pages import ReasonForm, render_page

MOST_AT_ONCE = 200
Act = Callable[[Any, str], object]


def ask_reason(
    request: HttpRequest, model_admin: Any, rows: Iterable[Any], act: Act, *,
    verb: str, done: str, back: str, action: str = "", notes: Sequence[str] = (),
    name: Callable[[Any], str] = str,
) -> HttpResponse:  # fmt: skip
    """The page that asks; sent back with a reason, `act(row, reason)` for each row. An action of a
    list names itself, so that the page's form comes back to it."""
    chosen = list(rows)
    if len(chosen) > MOST_AT_ONCE:
        messages.error(request, f"At most {MOST_AT_ONCE} at once.")
        return HttpResponseRedirect(back)
    is_answered = "reason" in request.POST
    form = ReasonForm(request.POST if is_answered else None)
    if is_answered and form.is_valid():
        reason = form.cleaned_data["reason"]
        try_each(request, chosen, lambda row: act(row, reason), done, name)
        return HttpResponseRedirect(back)
    hidden = [("action", action), *((ACTION_CHECKBOX_NAME, row.pk) for row in chosen)]
    return render_page(
        request, model_admin, "reason", verb, form=form, rows=[name(row) for row in chosen],
        verb=verb, back=back, notes=notes, hidden=hidden if action else [],
    )  # fmt: skip
