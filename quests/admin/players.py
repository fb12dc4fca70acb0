"""What quests add to a user's page: the way to an award, and to her completions."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action

from accounts.admin import UserAdmin
from accounts.models import User

# accounts knows nothing of quests; the page of a user grows from up here.
admin.site.unregister(User)


@admin.register(User)
class PlayerAdmin(UserAdmin):
    actions_detail = [*UserAdmin.actions_detail, "award_xp", "completions", "ledger"]

    # Methods, because unfold looks for names of permissions in the database, before `migrate` too.
    def has_award_xp_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return request.user.has_perm("quests.add_ledgerentry")

    def has_see_completions_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return request.user.has_perm("quests.view_completion")

    def has_see_ledger_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return request.user.has_perm("quests.view_ledgerentry")

    @action(description="Award XP", url_path="award-xp", permissions=["award_xp"])
    def award_xp(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._go(request, object_id, "admin:quests_ledgerentry_award", "player")

    @action(description="Completions", url_path="completions", permissions=["see_completions"])
    def completions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._go(request, object_id, "admin:quests_completion_changelist", "q")

    @action(description="Ledger", url_path="ledger", permissions=["see_ledger"])
    def ledger(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._go(request, object_id, "admin:quests_ledgerentry_changelist", "q")

    def _go(self, request: HttpRequest, user_id: str, page: str, name: str) -> HttpResponse:
        user = self.get_object(request, user_id)
        query = urlencode({name: user.username if user else ""})
        return redirect(f"{reverse(page)}?{query}")
