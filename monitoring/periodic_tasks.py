"""The operators' list of what beat does. When it does it the settings say: here it is looked at,
stopped, and run by hand."""

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat import models
from django_celery_beat.admin import PeriodicTaskAdmin as CeleryPeriodicTaskAdmin
from unfold.admin import ModelAdmin

for model in (
    models.PeriodicTask,
    models.IntervalSchedule,
    models.CrontabSchedule,
    models.SolarSchedule,
    models.ClockedSchedule,
):
    admin.site.unregister(model)


@admin.register(models.PeriodicTask)
class PeriodicTaskAdmin(ModelAdmin, CeleryPeriodicTaskAdmin):
    form = forms.ModelForm
    change_form_template = None
    list_display = ["name", "enabled", "scheduler", "last_run_at", "total_run_count"]
    list_filter = ["enabled"]
    date_hierarchy = None
    actions = ["enable_tasks", "disable_tasks", "run_tasks"]
    fieldsets = None
    fields = [
        "name", "task", "enabled", "description", "scheduler", "last_run_at", "total_run_count",
    ]  # fmt: skip
    readonly_fields = ["name", "task", "scheduler", "last_run_at", "total_run_count"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: models.PeriodicTask | None = None
    ) -> bool:
        del request, obj
        return False
