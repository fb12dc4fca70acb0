"""Addresses of links: the API and the pages of their owners."""

from django.urls import path

from links import views
from links.api import analytics, campaigns, links, transfer
from links.editor.views import edit_link

app_name = "links"
urlpatterns = [
    path("links", views.link_list, name="list"),
    path("links/<uuid:public_id>", views.link_page, name="detail"),
    path("links/<uuid:public_id>/edit", edit_link, name="edit"),
    path("links/<uuid:public_id>/clicks", views.click_feed, name="feed"),
    path("links/<uuid:public_id>/try", views.trial_page, name="try"),
    path("links/<uuid:public_id>/qr", views.qr_page, name="qr"),
    path("links/<uuid:public_id>/delete", views.delete_link, name="delete"),
    path("api/links", links.LinksView.as_view(), name="api-links"),
    path("api/links/bulk", links.BulkView.as_view(), name="api-bulk"),
    path("api/links/import", transfer.ImportView.as_view(), name="api-import"),
    path("api/links/export.csv", transfer.ExportView.as_view(), name="api-export"),
    path("api/links/<uuid:public_id>/qr.<str:kind>", transfer.QrView.as_view(), name="api-qr"),
    path("api/links/<uuid:public_id>", links.LinkView.as_view(), name="api-link"),
    path("api/links/<uuid:public_id>/history", links.LinkHistoryView.as_view(), name="api-history"),
    path(
        "api/links/<uuid:public_id>/stats", analytics.LinkStatisticsView.as_view(), name="api-stats"
    ),
    path("api/links/<uuid:public_id>/clicks", analytics.ClicksView.as_view(), name="api-clicks"),
    path("api/links/<uuid:public_id>/explain", analytics.ExplainView.as_view(), name="api-explain"),
    path("api/stats/overview", analytics.OverviewView.as_view(), name="api-overview"),
    path("api/stats/top-links", analytics.TopLinksView.as_view(), name="api-top-links"),
    path("api/campaigns", campaigns.CampaignsView.as_view(), name="api-campaigns"),
    path("api/campaigns/<uuid:public_id>", campaigns.CampaignView.as_view(), name="api-campaign"),
]
