"""A player's own address of a link, for clients that are no pages."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.parsing import parsed
from accounts.permissions import IsPerson, caller
from links import visits as browsers
from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField
from monitoring.wire.inputs import StrictInput
from monitoring.wire.schema import problem
from quests.api.limits import limit_player
from quests.evidence import visits


class VisitInput(StrictInput):
    step_id = serializers.SlugField(max_length=50)


class VisitOutput(CamelCaseMixin, serializers.Serializer[Any]):
    address = serializers.URLField()
    expires_at = WireDateTimeField()


class VisitView(APIView):
    permission_classes = [IsPerson]

    @extend_schema(
        operation_id="progress_visit", summary="Get an own address of a step's link",
        description="Starts the quest. Opening the address is the step's evidence, in the browser "
        "that has the cookie of this answer; steps that allow any browser say so.",
        tags=["progress"], request=VisitInput,
        responses={200: VisitOutput, **problem(409, "Not now; `code` says why.")},
    )  # fmt: skip
    def post(self, request: Request, number: int) -> Response:
        limit_player(request)
        step = parsed(VisitInput(data=request.data))["step_id"]
        browser = browsers.browser_of(request) or browsers.new_browser()
        address = visits.personal_visit(
            player=caller(request), number=number, key=step, browser=browser
        )
        given = {"address": address, "expires_at": timezone.now() + visits.VALID_FOR}
        response = Response(VisitOutput(given).data)
        browsers.remember_browser(response, browser)
        return response
