"""Doors for operators and trusted services: reviews, corrections, evidence."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.parsing import parsed
from accounts.permissions import IsOperator, caller, requires
from monitoring.wire.filters import Integer, Query
from monitoring.wire.idempotency import idempotent
from monitoring.wire.schema import problem
from quests import reviews
from quests.api import examples
from quests.api.serializers import (
    DecisionInput,
    EvidenceInput,
    EvidenceOutput,
    LedgerOutput,
    ReasonInput,
    ReviewOutput,
)
from quests.completions import correcting
from quests.evidence.asserted import assert_fact
from quests.models import Completion, Evidence, LedgerEntry

CONFLICT = problem(409, "Not any more; `code` says why.")
STALE = problem(412, "`version_stale`: it has changed.")


class ReviewsView(ListAPIView[Evidence]):
    permission_classes = [IsOperator]
    serializer_class = ReviewOutput
    queryset = Evidence.objects.none()  # for the schema
    query = Query(quest=Integer(at_least=1, at_most=2**31 - 1))
    ordering = ("created_at", "pk")

    @extend_schema(
        operation_id="reviews_list", summary="Proofs that wait for a review", tags=["operators"]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[Evidence]":
        number = self.query.read(self.request)["quest"]
        queue = reviews.waiting()
        return queue if number is None else queue.filter(quest__number=number)


class ReviewImageView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="reviews_image", summary="The image of a proof, as a download",
        tags=["operators"],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID) -> HttpResponse:
        del request
        proof = reviews.image_of(_evidence(public_id))
        return HttpResponse(
            proof.content, content_type="application/octet-stream", headers=proof.headers
        )


class ApproveView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="reviews_approve", summary="Approve a proof", tags=["operators"],
        request=DecisionInput, responses={200: EvidenceOutput, **CONFLICT, **STALE},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        data = parsed(DecisionInput(data=request.data))
        reviewed = reviews.approve(
            evidence=_evidence(public_id), actor=caller(request), note=data["note"],
            expected_version=data.get("version"),
        )  # fmt: skip
        return Response(EvidenceOutput(reviewed).data)


class RejectView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="reviews_reject", summary="Reject a proof, with a note", tags=["operators"],
        request=DecisionInput, responses={200: EvidenceOutput, **CONFLICT, **STALE},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        data = parsed(DecisionInput(data=request.data))
        reviewed = reviews.reject(
            evidence=_evidence(public_id), actor=caller(request), note=data["note"],
            expected_version=data.get("version"),
        )  # fmt: skip
        return Response(EvidenceOutput(reviewed).data)


class ReverseView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="ledger_reverse", summary="Take a ledger entry back", tags=["operators"],
        description="By a compensating entry: nothing is ever deleted. Standings follow at once.",
        request=ReasonInput, responses={201: LedgerOutput, **CONFLICT},
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, public_id: UUID) -> Response:
        reason = parsed(ReasonInput(data=request.data))["reason"]
        entry = get_object_or_404(LedgerEntry, public_id=public_id)
        made = correcting.reverse_entry(entry=entry, reason=reason, actor=caller(request))
        return Response(LedgerOutput(made).data, status=status.HTTP_201_CREATED)


class HoldView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="completions_hold", summary="Hold a completion's XP back",
        tags=["operators"], request=ReasonInput, responses={201: LedgerOutput, **CONFLICT},
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, public_id: UUID) -> Response:
        reason = parsed(ReasonInput(data=request.data))["reason"]
        made = correcting.hold_completion(
            completion=_completion(public_id), reason=reason, actor=caller(request)
        )
        return Response(LedgerOutput(made).data, status=status.HTTP_201_CREATED)


class ReleaseView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="completions_release", summary="Pay what is held", tags=["operators"],
        request=ReasonInput, responses={201: LedgerOutput, **CONFLICT},
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, public_id: UUID) -> Response:
        reason = parsed(ReasonInput(data=request.data))["reason"]
        made = correcting.release_completion(
            completion=_completion(public_id), reason=reason, actor=caller(request)
        )
        return Response(LedgerOutput(made).data, status=status.HTTP_201_CREATED)


class NeverPayView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="completions_reverse_held", summary="Never pay what is held",
        tags=["operators"], request=ReasonInput,
        responses={204: OpenApiResponse(description="It is reversed."), **CONFLICT},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        reason = parsed(ReasonInput(data=request.data))["reason"]
        correcting.reverse_held(
            completion=_completion(public_id), reason=reason, actor=caller(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class EvidenceView(APIView):
    permission_classes = [requires("evidence:write")]

    @extend_schema(
        operation_id="evidence_assert", summary="Assert a fact about a player",
        tags=["operators"],
        description="For trusted services. The same `sourceId` again is answered 200 with what "
        "was kept the first time; for another player it is 409 `source_taken`.",
        request=EvidenceInput, responses={201: EvidenceOutput, 200: EvidenceOutput, **CONFLICT},
        examples=examples.EVIDENCE,
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        data = parsed(EvidenceInput(data=request.data))
        kept, is_new = assert_fact(asserted_by=caller(request), **data)
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(EvidenceOutput(kept).data, status=code)


def _evidence(public_id: UUID) -> Evidence:
    found: Evidence = get_object_or_404(
        Evidence.objects.select_related("quest"), public_id=public_id, proof__isnull=False
    )
    return found


def _completion(public_id: UUID) -> Completion:
    found: Completion = get_object_or_404(Completion, public_id=public_id)
    return found
