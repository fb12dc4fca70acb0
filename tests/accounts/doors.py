"""Three doors with a scope, for tests of scopes before any real view has one."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator, requires


class LinksDoor(APIView):
    permission_classes = [requires("links:read", write="links:write")]

    def get(self, _: Request) -> Response:
        return Response()

    def post(self, _: Request) -> Response:
        return Response()


class EvidenceDoor(APIView):
    permission_classes = [requires("evidence:write")]

    def get(self, _: Request) -> Response:
        return Response()


class OperatorDoor(APIView):
    permission_classes = [IsOperator]

    def get(self, _: Request) -> Response:
        return Response()


urlpatterns = [
    path("api/links-door", LinksDoor.as_view()),
    path("api/evidence-door", EvidenceDoor.as_view()),
    path("api/operator-door", OperatorDoor.as_view()),
]
