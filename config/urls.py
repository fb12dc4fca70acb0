"""Every address of the product. The redirect answers `/{slug}` before Django sees it."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("monitoring.urls")),
    path("", include("accounts.urls")),
    path("", include("quests.urls")),
    path("", include("realtime.urls")),
    path("", include("links.urls")),
]

handler400 = "monitoring.wire.pages.bad_request"
handler403 = "monitoring.wire.pages.forbidden"
handler404 = "monitoring.wire.pages.not_found"
handler500 = "monitoring.wire.pages.server_error"
