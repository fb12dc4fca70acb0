"""Addresses of quests."""

from quests.api.urls import urlpatterns as api
from quests.pages.urls import urlpatterns as pages

app_name = "quests"
urlpatterns = [*pages, *api]
