"""Raffles: made once, drawn once, and otherwise nobody's to edit."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.operating import operator
from links.admin.base import ServiceAdmin, ServiceForm
from monitoring.wire.problems import Problem
from quests.admin.pages import render_page
from quests.models import Raffle, RaffleWinner
from quests.models.raffle import MAX_WINNERS
from quests.raffles import services

_TERMS = [
    "slug", "title", "quest", "season", "winners", "opens_at", "closes_at", "beacon_source",
]  # fmt: skip
_DRAWING = (
    "A raffle is drawn once. Its seed, its entrants (as ids of completions) and its winners are "
    "public from then on."
)


class RaffleForm(ServiceForm):
    def clean(self) -> None:
        """The service judges; here only what a browser can send besides the form."""
        super().clean()
        if not 1 <= (self.cleaned_data.get("winners") or 0) <= MAX_WINNERS:
            self.add_error("winners", f"There are 1 to {MAX_WINNERS:,} winners.")


class BeaconForm(forms.Form):
    beacon = forms.CharField(
        max_length=services.MAX_BEACON, required=False, widget=UnfoldAdminTextInputWidget()
    )

    def __init__(self, *args: Any, source: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["beacon"].help_text = f"The value of: {source}."
        if not source:
            del self.fields["beacon"]


class WinnerInline(TabularInline):
    model = RaffleWinner
    verbose_name_plural = "winners"
    fields = readonly_fields = ["place", "player", "completion", "status"]
    extra = 0
    hide_title = True
    per_page = 50
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[RaffleWinner]:
        rows = super().get_queryset(request).select_related("completion__player")
        return cast("QuerySet[RaffleWinner]", rows)

    @display(description="player")
    def player(self, winner: RaffleWinner) -> str:
        return str(winner.completion.player)

    @display(description="status")
    def status(self, winner: RaffleWinner) -> str:
        return winner.completion.get_status_display()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may see the raffle may see who won."""
        del obj
        return bool(request.user.has_perm("quests.view_raffle"))


@admin.register(Raffle)
class RaffleAdmin(ServiceAdmin):
    form = RaffleForm
    list_display = ["title", "slug", "state", "of", "winners", "closes_at", "drawn_at"]
    list_filter = ["drawn_at", "season"]
    list_select_related = ["quest", "season"]
    search_fields = ["title", "slug", "=quest__number"]
    autocomplete_fields = ["quest", "season"]
    actions_detail = ["draw"]

    @display(label={"open": "success", "closed": "warning", "drawn": ""})
    def state(self, raffle: Raffle) -> str:
        if raffle.drawn_at:
            return "drawn"
        return "open" if timezone.now() < raffle.closes_at else "closed"

    @display(description="of")
    def of(self, raffle: Raffle) -> str:
        return str(raffle.quest or raffle.season)

    @display(description="seed")
    def shown_seed(self, raffle: Raffle) -> str:
        """The only place of the admin that renders it."""
        return bytes(raffle.seed).hex() if raffle.drawn_at else "public after the draw"

    @display(description="entrants")
    def entrant_count(self, raffle: Raffle) -> str:
        return f"{raffle.entrants.count():,}" if raffle.frozen_at else ""

    def get_fields(self, request: HttpRequest, obj: Raffle | None = None) -> list[str]:
        del request
        told = ["commitment", "shown_seed", "beacon", "frozen_at", "drawn_at", "entrant_count"]
        return [*_TERMS, *told, "entrants_digest"] if obj else _TERMS

    def get_readonly_fields(self, request: HttpRequest, obj: Raffle | None = None) -> list[str]:
        return self.get_fields(request, obj) if obj else []

    def get_inlines(self, request: HttpRequest, obj: Raffle | None = None) -> list[Any]:
        del request
        return [WinnerInline] if obj and obj.drawn_at else []

    def has_change_permission(self, request: HttpRequest, obj: Raffle | None = None) -> bool:
        """What was promised stays."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Raffle | None = None) -> bool:
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: Raffle, form: Any, change: bool) -> None:  # noqa: FBT001
        del change  # there is none
        given = {name: form.cleaned_data[name] for name in _TERMS}
        made = services.create_raffle(actor=operator(request), **given)
        obj.pk, obj.commitment = made.pk, made.commitment

    def has_draw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """unfold gives the id, and asks for the button as well as for the page."""
        raffle = self.get_object(request, str(obj))
        is_waiting = raffle is not None and raffle.drawn_at is None
        return is_waiting and bool(request.user.has_perm("quests.change_raffle"))

    @action(description="Draw", url_path="draw", permissions=["draw"])
    def draw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        raffle = Raffle.objects.get(pk=object_id)
        back = reverse("admin:quests_raffle_change", args=[raffle.pk])
        form = BeaconForm(request.POST or None, source=raffle.beacon_source)
        if request.method == "POST" and form.is_valid():
            beacon = form.cleaned_data.get("beacon", "")
            try:
                services.draw_raffle(raffle=raffle, actor=operator(request), beacon=beacon)
            except Problem as problem:
                form.add_error(None, str(problem.detail))
            else:
                messages.success(request, f"“{raffle}” is drawn.")
                return redirect(back)
        asked = {"form": form, "rows": [raffle], "notes": [_DRAWING], "verb": "Draw it now"}
        return render_page(request, self, "reason", f"Draw {raffle}", back=back, **asked)
