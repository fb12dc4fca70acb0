"""API keys. Each view parses, calls one service, renders."""

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import examples, selectors, services
from accounts.api.parsing import SECRET_HEADERS, parsed
from accounts.models import ApiKey
from accounts.permissions import IsPerson, caller
from accounts.serializers import KeyInput, KeyOutput, NewKeyOutput
from monitoring.wire.filters import Query
from monitoring.wire.idempotency import idempotent


class KeysView(ListAPIView[ApiKey]):
    permission_classes = [IsPerson]
    write_tiers = ("strict",)
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
        data = parsed(KeyInput(data=request.data, context={"request": request}))
        key, text = services.create_api_key(user=caller(request), **data)
        body = {**KeyOutput(key).data, "key": text}
        return Response(body, status=status.HTTP_201_CREATED, headers=SECRET_HEADERS)


class KeyView(APIView):
    permission_classes = [IsPerson]
    write_tiers = ("strict",)

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
