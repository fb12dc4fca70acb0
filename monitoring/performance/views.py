"""The door of `/api/performance`."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring.health.views import NO_STORE, is_operator
from monitoring.performance import documents, services
from monitoring.wire.filters import Integer, Query


class Operators(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        del view
        return is_operator(request)


class PerformanceView(APIView):
    permission_classes = [Operators]
    query = Query(paged=False, window=Integer(at_least=5, at_most=300, default=300))

    @extend_schema(
        operation_id="performance",
        summary="How fast the service is, and what to do about it",
        description="For operators. At least the last `window` seconds of all web workers of "
        "this machine: rates a second, times in milliseconds. What nobody measures is left out.",
        responses=documents.PERFORMANCE,
        tags=["monitoring"],
    )
    def get(self, request: Request) -> Response:
        seconds = self.query.read(request)["window"]
        return Response(services.performance(seconds), headers=NO_STORE)
