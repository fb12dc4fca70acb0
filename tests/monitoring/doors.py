"""Views that go wrong in every way, and lists and posts before any real view has them."""

from threading import Event
from typing import Any

from django.core import exceptions as django_exceptions
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path
from django_ratelimit.exceptions import Ratelimited
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework import exceptions, serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.filters import Query, Sort, Text
from monitoring.wire.idempotency import idempotent
from monitoring.wire.problems import Problem


class SlugTaken(Problem):
    status_code = 409
    default_code = "slug_taken"
    default_detail = "Somebody has this slug."


RAISED: dict[str, Any] = {
    "problem": lambda: Problem(
        "quest_done", "Once is enough.", status=409, headers={"X-A": "b"}, firstResult={"xp": 3}
    ),
    "subclass": SlugTaken,
    "not-found": lambda: Http404("SELECT secret FROM links"),
    "forbidden": exceptions.PermissionDenied,
    "forbidden-django": django_exceptions.PermissionDenied,
    "unauthenticated": exceptions.NotAuthenticated,
    "bad-token": lambda: exceptions.AuthenticationFailed("No.", code="token_expired"),
    "throttled": lambda: exceptions.Throttled(wait=7),
    "ratelimited": Ratelimited,
    "invalid-django": lambda: django_exceptions.ValidationError({"short_url": ["Too short."]}),
    "too-big": django_exceptions.RequestDataTooBig,
    "suspicious": django_exceptions.SuspiciousOperation,
    "redis": lambda: RedisConnectionError("redis://:hunter2@cache.test"),
    "unforeseen": lambda: RuntimeError("SELECT secret FROM links"),
}


class RaiseView(APIView):
    permission_classes = [AllowAny]

    def get(self, _: Request, kind: str) -> Response:
        failure: Exception = RAISED[kind]()
        raise failure


def raise_plainly(_: HttpRequest, kind: str) -> HttpResponse:
    failure: Exception = RAISED[kind]()
    raise failure


class SqlView(APIView):
    """Runs what the test wants PostgreSQL to refuse."""

    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.execute(request.data["sql"], request.data.get("values"))
        return Response()


class RuleSerializer(CamelCaseMixin, serializers.Serializer[Any]):
    target_url = serializers.URLField()


class LinkSerializer(CamelCaseMixin, serializers.Serializer[Any]):
    short_url = serializers.CharField(max_length=10)
    rules = RuleSerializer(many=True, required=False)
    tag_list = serializers.ListField(child=serializers.IntegerField(), required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["short_url"] == "refused":
            raise serializers.ValidationError("Not this one.")
        return attrs


class EchoView(APIView):
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        return Response({"query": dict(request.query_params)})

    def post(self, request: Request) -> Response:
        return Response(request.data)


class ValidatedView(APIView):
    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        link = LinkSerializer(data=request.data)
        link.is_valid(raise_exception=True)
        return Response(link.validated_data)


class PersonOutput(CamelCaseMixin, serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("username", "first_name", "date_joined")


class UserList(ListAPIView[User]):
    permission_classes = [AllowAny]
    serializer_class = PersonOutput
    query = Query(
        search=Text(max_length=20),
        sort=Sort(
            {"name": "first_name", "joined": "date_joined", "lastLogin": "last_login"},
            default="-joined",
        ),
    )

    def get_queryset(self) -> Any:
        wanted = self.query.read(self.request)
        return User.objects.order_by(*wanted["sort"])


class MakeUser(APIView):
    permission_classes = [IsAuthenticated]

    @idempotent
    def post(self, request: Request, number: int = 0) -> Response:
        del number
        if request.data.get("fail"):
            User.objects.create_user(username=request.data["username"])
            raise Problem("no_luck", "Not today.", status=409)
        made = User.objects.create_user(username=request.data["username"])
        return Response(
            {"zeta": 1, "id": made.pk}, status=201, headers={"Location": f"/u/{made.pk}"}
        )


class MakeSlowly(APIView):
    """Waits inside of its effect until the test lets it go on."""

    permission_classes = [IsAuthenticated]
    inside = Event()
    may_go_on = Event()

    @idempotent
    def post(self, request: Request) -> Response:
        made = User.objects.create_user(username=request.data["username"])
        self.inside.set()
        self.may_go_on.wait(10)
        return Response({"id": made.pk}, status=201)


class MakeSecret(APIView):
    permission_classes = [AllowAny]

    @idempotent(sensitive=True)
    def post(self, request: Request) -> Response:
        made = User.objects.create_user(username=request.data["username"])
        return Response({"key": f"secret-{made.pk}"}, status=201)


urlpatterns = [
    path("api/raise/<kind>", RaiseView.as_view()),
    path("api/plain/<kind>", raise_plainly),
    path("page/<kind>", raise_plainly),
    path("api/sql", SqlView.as_view()),
    path("api/echo", EchoView.as_view()),
    path("api/validated", ValidatedView.as_view()),
    path("api/users", UserList.as_view()),
    path("api/make", MakeUser.as_view()),
    path("api/make/<int:number>", MakeUser.as_view()),
    path("api/make-slowly", MakeSlowly.as_view()),
    path("api/secret", MakeSecret.as_view()),
    path("", include("config.urls")),
]
handler400 = "monitoring.wire.pages.bad_request"
handler403 = "monitoring.wire.pages.forbidden"
handler404 = "monitoring.wire.pages.not_found"
handler500 = "monitoring.wire.pages.server_error"
