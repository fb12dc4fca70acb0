from typing import Any, cast

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from links import services
from links.admin.base import ServiceAdmin
from links.models import Campaign


@admin.register(Campaign)
class CampaignAdmin(ServiceAdmin):
    list_display = ["name", "owner", "links", "created_at"]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__username"]
    autocomplete_fields = ["owner"]
    fields = ["name", "owner"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        live = Count("links", filter=Q(links__deleted_at=None))
        return cast("QuerySet[Campaign]", super().get_queryset(request).annotate(live=live))

    @display(ordering="live")
    def links(self, campaign: Any) -> int:
        return int(campaign.live)

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> list[str]:
        del request
        return ["owner"] if obj else []

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:  # noqa: FBT001
        del request
        if change:
            services.rename_campaign(campaign=obj, name=form.cleaned_data["name"])
        else:
            obj.pk = services.create_campaign(**form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: Campaign) -> None:
        del request
        services.delete_campaign(campaign=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        for campaign in queryset:
            self.delete_model(request, campaign)
