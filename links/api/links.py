"""`/api/links`: making, finding, changing and removing links."""

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.permissions import caller, requires
from links import selectors, services
from links.api import examples
from links.api.parsing import link_fields, parsed
from links.api.serializers import (
    BulkInput,
    LinkChange,
    LinkInput,
    LinkOutput,
    LinkPage,
    TargetChangeOutput,
    TargetChangePage,
)
from links.models import Link
from links.parameters import Identifier
from monitoring.wire.filters import Flag, Query, Sort, Text
from monitoring.wire.idempotency import idempotent
from monitoring.wire.mapping import as_problem
from monitoring.wire.pagination import CursorPagination
from monitoring.wire.problems import Problem

SORTS = {"createdAt": "created_at", "clickCount": "click_count"}


class LinksView(APIView):
    permission_classes = [requires("links:read", write="links:write")]
    write_tiers = ("shorten",)
    query = Query(
        search=Text(max_length=200, description="Words, or beginnings of words."),
        tag=Text(max_length=50),
        campaign=Identifier(),
        sort=Sort(SORTS, default="-createdAt"),
    )
    creation = Query(
        find_if_exists=Flag(default=False, description="Answer an equal link of yours, if any."),
        paged=False,
    )

    @extend_schema(
        operation_id="links_list", summary="Find links", tags=["links"],
        responses=LinkPage,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        wanted = self.query.read(request)
        self.ordering = wanted.pop("sort")
        links = selectors.filter_links(selectors.links_of(caller(request)), **wanted)
        paginator = CursorPagination()
        page = paginator.paginate_queryset(links, request, self)
        return paginator.get_paginated_response(LinkOutput(page, many=True).data)

    @extend_schema(
        operation_id="links_create", summary="Make a link", tags=["links"],
        parameters=[OpenApiParameter("findIfExists", bool)],
        request=LinkInput, responses={201: LinkOutput, 200: LinkOutput, 409: OpenApiResponse()},
        examples=examples.LINKS,
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        find = self.creation.read(request)["find_if_exists"]
        link, created = _create(caller(request), request.data, find=find)
        return Response(
            LinkOutput(link).data,
            status=status.HTTP_201_CREATED if created else status.HTTP_200_OK,
            headers={"Location": f"/api/links/{link.public_id}"},
        )


class LinkView(APIView):
    permission_classes = [requires("links:read", write="links:write")]

    @extend_schema(
        operation_id="links_read", summary="One link", tags=["links"], responses=LinkOutput
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        return Response(LinkOutput(selectors.find_link(caller(request), public_id)).data)

    @extend_schema(
        operation_id="links_change", summary="Change a link", tags=["links"],
        description="What is left out stays. A changed target is added to the link's history.",
        request=LinkChange,
        responses={200: LinkOutput, 409: OpenApiResponse(), 410: OpenApiResponse()},
    )  # fmt: skip
    def patch(self, request: Request, public_id: UUID) -> Response:
        owner = caller(request)
        link = selectors.find_link(owner, public_id)
        data = parsed(LinkChange(data=request.data, partial=True))
        changed = services.update_link(link=link, changed_by=owner, **link_fields(owner, data))
        return Response(LinkOutput(changed).data)

    @extend_schema(
        operation_id="links_delete", summary="Delete a link", tags=["links"],
        description="Its address answers 410 from now on and is never given out again.",
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, public_id: UUID) -> Response:
        services.delete_link(link=selectors.find_link(caller(request), public_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class LinkHistoryView(APIView):
    permission_classes = [requires("links:read")]
    query = Query()
    ordering = ("-at", "-pk")

    @extend_schema(
        operation_id="links_history", summary="Every target a link ever had", tags=["links"],
        responses=TargetChangePage,
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID) -> Response:
        self.query.read(request)
        link = selectors.find_link(caller(request), public_id)
        paginator = CursorPagination()
        changes = link.target_changes.select_related("changed_by")
        page = paginator.paginate_queryset(changes, request, self)
        return paginator.get_paginated_response(TargetChangeOutput(page, many=True).data)


class BulkView(APIView):
    permission_classes = [requires("links:write")]
    write_tiers = ("shorten",)

    @extend_schema(
        operation_id="links_bulk", summary="Make up to 1,000 links", tags=["links"],
        description="A result for each row, in their order: `{link}` or `{problem}`.",
        request=BulkInput, responses={200: OpenApiResponse(response=examples.BULK_ANSWER)},
        examples=examples.BULK,
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        data = parsed(BulkInput(data=request.data))
        results = _create_all(caller(request), data["links"], together=data["mode"] == "all")
        made = sum("link" in result for result in results)
        return Response({"created": made, "failed": len(results) - made, "results": results})


def _create(owner: User, data: Any, *, find: bool = False) -> tuple[Link, bool]:
    fields = link_fields(owner, parsed(LinkInput(data=data)))
    if find:
        return services.find_or_create_link(owner=owner, **fields)
    return services.create_link(owner=owner, **fields), True


def _create_all(owner: User, rows: list[Any], *, together: bool) -> list[dict[str, Any]]:
    """`together`: the first bad row undoes the others; the answer still tells of every row."""
    with transaction.atomic():
        results = [_create_row(owner, row) for row in rows]
        if together and any("problem" in result for result in results):
            transaction.set_rollback(True)
            results = [_not_made(result) for result in results]
    return results


def _create_row(owner: User, row: Any) -> dict[str, Any]:
    try:
        with transaction.atomic():
            link, _ = _create(owner, row)
    except (Problem, ValidationError) as error:
        problem = as_problem(error)
        assert problem is not None  # noqa: S101 - both kinds have one
        return {
            "problem": {
                "code": problem.code,
                "detail": str(problem.detail),
                "errors": problem.errors,
            }
        }
    return {"link": LinkOutput(link).data}


def _not_made(result: dict[str, Any]) -> dict[str, Any]:
    if "problem" in result:
        return result
    detail = "Not made, because another row is not valid."
    return {"problem": {"code": "not_made", "detail": detail, "errors": []}}
