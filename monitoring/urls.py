"""The addresses of what is observed; the API's own description is among them."""

from django.urls import path

from monitoring.developers.views import overview
from monitoring.health import views
from monitoring.performance.views import PerformanceView
from monitoring.status.views import status_page
from monitoring.wire import documents

urlpatterns = [
    path("ping", views.ping, name="ping"),
    path("health", views.short_health, name="health-short"),
    path("status", status_page, name="status"),
    path("api/health", views.HealthView.as_view(), name="health"),
    path("api/health/live", views.LiveView.as_view(), name="health-live"),
    path("api/health/ready", views.ReadyView.as_view(), name="health-ready"),
    path("api/health/metrics", views.MetricsView.as_view(), name="health-metrics"),
    path("api/performance", PerformanceView.as_view(), name="performance"),
    path("api/schema/", documents.SchemaView.as_view(), name="schema"),
    path("api/docs/", documents.DocsView.as_view(), name="docs"),
    path("developers", overview, name="developers"),
]
