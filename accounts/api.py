"""Signing in over the API, and API keys. Each view parses, calls one service, renders."""

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import examples, selectors, services
from accounts.models import ApiKey
from accounts.permissions import IsPerson, caller
from accounts.serializers import (
    CredentialsInput,
    KeyInput,
    KeyOutput,
    NewKeyOutput,
    RefreshInput,
    TokenPairOutput,
    WhoOutput,
)
from monitoring.wire.filters import Query
from monitoring.wire.idempotency import idempotent
from monitoring.wire.problems import CONTENT_TYPE

# The schema tells of 401 by itself only where a caller is needed.
REFUSED = {
    (401, CONTENT_TYPE): OpenApiResponse(
        {"$ref": "#/components/schemas/Problem"}, description="Refused; `code` says why."
    )
}
SECRET_HEADERS = {"Cache-Control": "no-store"}


class PublicView(APIView):
    """An expired token in the header must not stand in the way of getting a new one."""

    authentication_classes = []
    permission_classes = [AllowAny]


class TokenView(PublicView):
    @extend_schema(
        operation_id="auth_token",
        summary="Sign in by name and password",
        description="For operators and service users. Five wrong passwords for a name from one "
        "address close it for 15 minutes: 429 `too_many_attempts` with `Retry-After`.",
        request=CredentialsInput,
        responses={200: TokenPairOutput, **REFUSED},
        examples=[examples.CREDENTIALS, examples.TOKEN_PAIR],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        credentials = _parsed(CredentialsInput(data=request.data))
        # django-axes marks the request that its middleware sees, which is not DRF's.
        pair = services.sign_in(request=request._request, **credentials)  # noqa: SLF001
        return Response(TokenPairOutput(pair).data, headers=SECRET_HEADERS)


class RefreshView(PublicView):
    @extend_schema(
        operation_id="auth_refresh",
        summary="Trade a refresh token for a new pair",
        description="A refresh token works once. Used a second time it ends the whole sign-in: "
        "401 `token_reused`, and every token that came from it is refused.",
        request=RefreshInput,
        responses={200: TokenPairOutput, **REFUSED},
        examples=[examples.REFRESH, examples.TOKEN_PAIR],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        data = _parsed(RefreshInput(data=request.data))
        pair = services.rotate_refresh(token=data["refresh_token"])
        return Response(TokenPairOutput(pair).data, headers=SECRET_HEADERS)


class LogoutView(PublicView):
    @extend_schema(
        operation_id="auth_logout",
        summary="End the sign-in of a refresh token",
        description="Its access tokens are refused from now on too. A second time is no error.",
        request=RefreshInput,
        responses={204: OpenApiResponse(description="Signed out."), **REFUSED},
        examples=[examples.REFRESH],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        data = _parsed(RefreshInput(data=request.data))
        services.sign_out(token=data["refresh_token"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(APIView):
    permission_classes = [IsPerson]

    @extend_schema(
        operation_id="auth_me",
        summary="Who am I",
        responses=WhoOutput,
        examples=[examples.WHO],
        tags=["auth"],
    )
    def get(self, request: Request) -> Response:
        return Response(WhoOutput({"user": request.user}).data)


class VerifyView(APIView):
    permission_classes = [IsPerson]

    @extend_schema(
        operation_id="auth_verify",
        summary="Is this access token good, and whose is it",
        request=None,
        responses=WhoOutput,
        examples=[examples.WHO],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        return Response(WhoOutput({"user": request.user}).data)


class KeysView(ListAPIView[ApiKey]):
    permission_classes = [IsPerson]
    serializer_class = KeyOutput
    query = Query()
    ordering = "-created_at"
    queryset = ApiKey.objects.none()  # for the schema: get_queryset needs a person

    def get_queryset(self) -> QuerySet[ApiKey]:
        return selectors.unrevoked_keys(user=caller(self.request))

    @extend_schema(
        operation_id="auth_keys_list",
        summary="My API keys",
        examples=[examples.KEY],
        tags=["auth"],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.query.read(request)
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="auth_keys_create",
        summary="Create an API key",
        description="`key` is shown this once, also with an Idempotency-Key. Only scopes that "
        "you hold can be granted: `evidence:write` and `realtime:publish` are an operator's.",
        request=KeyInput,
        responses={201: NewKeyOutput},
        examples=[examples.KEY_INPUT, examples.NEW_KEY],
        tags=["auth"],
    )
    @idempotent(sensitive=True)
    def post(self, request: Request) -> Response:
        data = _parsed(KeyInput(data=request.data, context={"request": request}))
        key, text = services.create_api_key(user=caller(request), **data)
        body = {**KeyOutput(key).data, "key": text}
        return Response(body, status=status.HTTP_201_CREATED, headers=SECRET_HEADERS)


class KeyView(APIView):
    permission_classes = [IsPerson]

    @extend_schema(
        operation_id="auth_keys_revoke",
        summary="Revoke an API key",
        description="At once and for good. Somebody else's key is a 404.",
        responses={204: OpenApiResponse(description="Revoked.")},
        tags=["auth"],
    )
    def delete(self, request: Request, public_id: uuid.UUID) -> Response:
        key = selectors.get_own_key(user=caller(request), public_id=public_id)
        services.revoke_api_key(key=key)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _parsed(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data
