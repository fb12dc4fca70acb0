"""The parts that people know, made of the checks that operators know (STATUS_COMPONENTS)."""

from collections.abc import Mapping

from django.conf import settings

from monitoring.health.report import Check, Status, worst


def component_states(results: Mapping[str, Check]) -> dict[str, Status]:
    """By component: as well as the worst of its checks."""
    return {
        component: worst(results[name].status for name in names if name in results)
        for component, names in settings.STATUS_COMPONENTS.items()
    }
