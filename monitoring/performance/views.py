"""The door of `/api/performance`."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring.health.views import NO_STORE, is_operator
from monitoring.performance import documents, services


class Operators(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        del view
        return is_operator(request)


class PerformanceView(APIView):
    permission_classes = [Operators]

    @extend_schema(
        operation_id="performance",
        summary="How fast the service is, and what to do about it",
        description="For operators. The last five minutes of all web workers of this machine: "
        "rates a second, times in milliseconds. What nobody measures is left out.",
        responses=documents.PERFORMANCE,
        tags=["monitoring"],
    )
    def get(self, request: Request) -> Response:
        del request
        return Response(services.performance(), headers=NO_STORE)
