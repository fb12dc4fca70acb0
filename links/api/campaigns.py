"""`/api/campaigns`: names that group links."""

from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import caller, requires
from links import selectors, services
from links.api.parsing import parsed
from links.api.serializers import CampaignInput, CampaignOutput, CampaignPage
from monitoring.wire.filters import Query
from monitoring.wire.idempotency import idempotent
from monitoring.wire.pagination import CursorPagination


class CampaignsView(APIView):
    permission_classes = [requires("links:read", write="links:write")]
    query = Query()
    ordering = ("name",)

    @extend_schema(
        operation_id="campaigns_list", summary="Your campaigns", tags=["campaigns"],
        responses=CampaignPage,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        self.query.read(request)
        paginator = CursorPagination()
        campaigns = selectors.campaigns_of(caller(request))
        page = paginator.paginate_queryset(campaigns, request, self)
        return paginator.get_paginated_response(CampaignOutput(page, many=True).data)

    @extend_schema(
        operation_id="campaigns_create", summary="Make a campaign", tags=["campaigns"],
        request=CampaignInput, responses={201: CampaignOutput, 409: OpenApiResponse()},
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        data = parsed(CampaignInput(data=request.data))
        campaign = services.create_campaign(owner=caller(request), name=data["name"])
        return Response(CampaignOutput(campaign).data, status=status.HTTP_201_CREATED)


class CampaignView(APIView):
    permission_classes = [requires("links:read", write="links:write")]

    @extend_schema(
        operation_id="campaigns_read", summary="One campaign", tags=["campaigns"],
        responses=CampaignOutput,
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID) -> Response:
        return Response(CampaignOutput(selectors.find_campaign(caller(request), public_id)).data)

    @extend_schema(
        operation_id="campaigns_rename", summary="Rename a campaign", tags=["campaigns"],
        request=CampaignInput, responses={200: CampaignOutput, 409: OpenApiResponse()},
    )  # fmt: skip
    def patch(self, request: Request, public_id: UUID) -> Response:
        campaign = selectors.find_campaign(caller(request), public_id)
        data = parsed(CampaignInput(data=request.data))
        renamed = services.rename_campaign(campaign=campaign, name=data["name"])
        return Response(CampaignOutput(renamed).data)

    @extend_schema(
        operation_id="campaigns_delete", summary="Delete a campaign", tags=["campaigns"],
        description="Its links stay, without a campaign.", responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, public_id: UUID) -> Response:
        services.delete_campaign(campaign=selectors.find_campaign(caller(request), public_id))
        return Response(status=status.HTTP_204_NO_CONTENT)
