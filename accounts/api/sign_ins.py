"""Signing in by password, refreshing, signing out. Each view parses, calls one service, renders."""

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import examples, selectors, services
from accounts.api.parsing import REFUSED, SECRET_HEADERS, parsed
from accounts.permissions import IsPerson, caller
from accounts.serializers import (
    CredentialsInput,
    EndedOutput,
    RefreshInput,
    TokenPairOutput,
    WhoOutput,
)
from accounts.throttling import refuse_who_failed


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
        credentials = parsed(CredentialsInput(data=request.data))
        refuse_who_failed(request)
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
        data = parsed(RefreshInput(data=request.data))
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
        data = parsed(RefreshInput(data=request.data))
        services.sign_out(token=data["refresh_token"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class LogoutEverywhereView(APIView):
    permission_classes = [IsPerson]
    write_tiers = ("strict",)

    @extend_schema(
        operation_id="auth_logout_everywhere",
        summary="End all of my sign-ins",
        description="This one too. Browser sessions and API keys go on.",
        request=None,
        responses=EndedOutput,
        examples=[examples.ENDED],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        ended = services.sign_out_everywhere(user=caller(request))
        return Response(EndedOutput({"ended": ended}).data)


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
        return Response(WhoOutput({"user": selectors.profile_of(user=caller(request))}).data)


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
        return Response(WhoOutput({"user": selectors.profile_of(user=caller(request))}).data)
