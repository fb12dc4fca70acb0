"""Playing: starting a quest, sending in its steps, completing it, and asking why not."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.parsing import parsed
from accounts.permissions import IsPerson, caller
from monitoring.wire.filters import Query
from monitoring.wire.idempotency import idempotent
from monitoring.wire.schema import problem
from quests import progress, selectors
from quests.api import examples
from quests.api.explanation_serializers import ExplanationOutput
from quests.api.limits import limit_player
from quests.api.serializers import (
    CompletionOutput,
    NothingInput,
    ProgressOutput,
    StartedOutput,
    StepInput,
    StepResultOutput,
)
from quests.completions.completing import Result, complete_quest
from quests.definitions import find_definition
from quests.explanation import explain

_NOTHING = Query(paged=False)
REFUSED = problem(409, "Not now; `code` says why.")
# One for all answers: DRF copies the fields for each serializer that is made, deeply.
_COMPLETION = CompletionOutput()


class StartView(APIView):
    permission_classes = [IsPerson]

    @extend_schema(
        operation_id="progress_start", summary="Start a quest", tags=["progress"], request=None,
        description="A second time changes nothing.",
        responses={200: StartedOutput, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, number: int) -> Response:
        limit_player(request)
        _refuse_more(request)
        attempt = progress.start_quest(player=caller(request), number=number)
        started = {"quest_id": number, "started_at": attempt.started_at}
        return Response(StartedOutput(started).data)


class UpdateView(APIView):
    permission_classes = [IsPerson]

    @extend_schema(
        operation_id="progress_update", summary="Send in a step", tags=["progress"],
        description="A wrong answer is a 200 with `state: wrong`; after too many of them, 429 "
        "`too_many_tries` with `Retry-After`.",
        request=StepInput, responses={200: StepResultOutput, **REFUSED},
        examples=examples.STEP,
    )  # fmt: skip
    def put(self, request: Request, number: int) -> Response:
        limit_player(request)
        data = parsed(StepInput(data=request.data))
        answer = data["answer"] if "answer" in data else data["proof"]
        outcome = progress.submit_step(
            player=caller(request), number=number, key=data["step_id"], answer=answer
        )
        evidence = outcome.evidence
        result = {
            "step_id": data["step_id"],
            "state": evidence.state if evidence else "wrong",
            "evidence_id": evidence.public_id if evidence else None,
            "tries_left": outcome.tries_left,
        }
        return Response(StepResultOutput(result).data)


class CompleteView(APIView):
    permission_classes = [IsPerson]

    @extend_schema(
        operation_id="progress_complete", summary="Complete a quest", tags=["progress"],
        description="Pays its XP once. A second time is 409 `quest_already_completed` with the "
        "first result in `firstResult`; what is missing is in `missing`.",
        request=None, responses={200: CompletionOutput, **REFUSED},
        examples=examples.COMPLETION,
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        limit_player(request)
        _refuse_more(request)
        result = complete_quest(player=caller(request), number=number)
        return Response(_completed(result), status=status.HTTP_200_OK)


class VerifyView(APIView):
    permission_classes = [IsPerson]

    @extend_schema(
        operation_id="progress_verify", summary="Why can I, or can I not, complete this",
        description="Requirement by requirement: what was seen, what counts, what is missing.",
        tags=["progress"], responses=ExplanationOutput,
    )  # fmt: skip
    def get(self, request: Request, number: int) -> Response:
        limit_player(request)
        found = explain(caller(request), find_definition(number))
        return Response(ExplanationOutput(found).data)


class MyProgressView(APIView):
    permission_classes = [IsPerson]
    query = Query(paged=False)

    @extend_schema(
        operation_id="progress_mine", summary="What I have started and completed",
        description="The newest 500.", tags=["progress"], responses=ProgressOutput(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        self.query.read(request)
        rows = selectors.progress_of(caller(request))
        return Response(ProgressOutput(rows, many=True).data)


def _refuse_more(request: Request) -> None:
    """Nothing is asked for beside the token and the number."""
    _NOTHING.read(request)
    parsed(NothingInput(data=request.data))


def _completed(result: Result) -> dict[str, Any]:
    said = "It is paid after a review." if result.is_held else f"+{result.xp_earned} XP"
    return dict(
        _COMPLETION.to_representation({
            "message": f"“{result.quest.title}” completed. {said}",
            "completion_id": result.public_id,
            "status": "held" if result.is_held else "paid",
            "xp_earned": result.xp_earned,
            "total_xp": result.total_xp,
            "achievements": selectors.achievement_slugs(result.achievements),
            "completed_at": result.completed_at,
            "evidence": selectors.evidence_ids(result.evidence),
        })
    )  # fmt: skip
