"""A player's own profile and ledger."""

import re
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.parsing import parsed
from accounts.models import User
from accounts.permissions import IsPerson, caller
from monitoring.wire.filters import Query
from monitoring.wire.problems import Problem
from monitoring.wire.schema import problem
from quests import profiles, selectors
from quests.api.limits import limit_player
from quests.api.serializers import LedgerOutput, ProfileInput, ProfileOutput
from quests.models import LedgerEntry

_ETAG = re.compile(r'"(\d{1,9})"')


class ProfileView(APIView):
    permission_classes = [IsPerson]
    write_tiers = ("profile",)

    @extend_schema(
        operation_id="profile_read", summary="My profile", tags=["profile"],
        description="`ETag` is the version that `PUT` wants in `If-Match`.",
        responses=ProfileOutput,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        return _answer(caller(request))

    @extend_schema(
        operation_id="profile_change", summary="Change my profile", tags=["profile"],
        description="What is left out stays. `referredBy` is said once, before the first quest.",
        parameters=[OpenApiParameter("If-Match", str, "header", required=True)],
        request=ProfileInput,
        responses={
            200: ProfileOutput,
            **problem(409, "`username_taken` or `referral_fixed`."),
            **problem(412, "`version_stale`: it was changed in the meantime."),
            **problem(428, "`if_match_required`."),
        },
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        limit_player(request)
        version = _expected_version(request)
        data = parsed(ProfileInput(data=request.data))
        changed = profiles.change_profile(player=caller(request), expected_version=version, **data)
        return _answer(changed)


class LedgerView(ListAPIView[LedgerEntry]):
    permission_classes = [IsPerson]
    serializer_class = LedgerOutput
    queryset = LedgerEntry.objects.none()  # for the schema
    query = Query()
    ordering = "-pk"

    @extend_schema(
        operation_id="ledger_mine", summary="Every line of my XP, and what is behind it",
        tags=["profile"],
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.query.read(request)
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[LedgerEntry]":
        return selectors.ledger_of(caller(self.request))


def _answer(player: User) -> Response:
    profile = selectors.own_profile(player)
    return Response(ProfileOutput(profile).data, headers={"ETag": f'"{player.version}"'})


def _expected_version(request: Request) -> int:
    header = request.META.get("HTTP_IF_MATCH")
    if header is None:
        detail = "Say in If-Match which version you are changing: the ETag of GET."
        raise Problem("if_match_required", detail, status=428)
    found = _ETAG.fullmatch(header.strip())
    if found is None:
        raise Problem("version_stale", "If-Match names no version of this.", status=412)
    return int(found[1])
