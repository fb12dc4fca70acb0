"""What everybody may know of a player, by wallet. Field by field as the API document has it."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.addresses import parse_wallet, to_checksum
from accounts.events import PEOPLE, person_tag
from monitoring.correlation import route_of
from monitoring.responses import tags
from monitoring.wire.filters import Integer, Query, Text
from monitoring.wire.schema import problem
from quests import selectors
from quests.api import public_documents as documents
from quests.api.catalogue import NOTHING, PublicView
from quests.api.parsing import WalletParameter, board_of, player_of
from quests.definitions import find_definition
from quests.leaderboard import ranking

MAX_PAGE = 100
# What no tag tells of, such as a quest's new title, is seen by then.
KEPT_SECONDS = 10
_DEEPEST = 10_000_000
NO_WALLET = problem(400, "`wallet_invalid` or `wallet_checksum`.")
NOT_THERE = problem(404, "No such season, or nobody to be around.")


class InteractionView(PublicView):
    query = NOTHING

    @extend_schema(
        operation_id="public_interaction", summary="Has this wallet done anything here",
        tags=["public"], responses={200: documents.INTERACTION, **NO_WALLET},
    )  # fmt: skip
    def get(self, request: Request, wallet: str) -> Response:
        self.query.read(request)
        owner = player_of(wallet)
        if owner is None:
            return Response(documents.no_interaction(to_checksum(wallet)))
        before = tags.generation(tag := person_tag(owner.pk))
        player = player_of(wallet)  # as she is now: the generation is read before what is shown
        if player != owner or player is None:
            return Response(documents.no_interaction(to_checksum(wallet)))
        response = Response(documents.interaction(player, to_checksum(wallet)))
        tags.keep(
            response, tag=tag, generation=before, seconds=KEPT_SECONDS, route=route_of(request)
        )
        return response


class ProfileView(PublicView):
    query = NOTHING

    @extend_schema(
        operation_id="public_profile", summary="A player's public profile", tags=["public"],
        responses={200: documents.PROFILE, **NO_WALLET},
    )  # fmt: skip
    def get(self, request: Request, wallet: str) -> Response:
        self.query.read(request)
        if (player := player_of(wallet)) is None:
            raise NotFound
        return Response(documents.profile(player, to_checksum(wallet)))


class ExistsView(PublicView):
    query = NOTHING

    @extend_schema(
        operation_id="public_exists", summary="Does this wallet belong to a player",
        tags=["public"], responses={200: documents.EXISTS, **NO_WALLET},
    )  # fmt: skip
    def get(self, request: Request, wallet: str) -> Response:
        self.query.read(request)
        exists = player_of(wallet) is not None
        return Response({"exists": exists, "walletAddress": to_checksum(wallet)})


class LeaderboardView(PublicView):
    query = Query(
        limit=Integer(at_least=1, at_most=MAX_PAGE, default=50),
        offset=Integer(at_least=0, at_most=_DEEPEST, default=0),
        season=Text(max_length=50, description="Without one, of all time."),
        around=WalletParameter(description="The page with this player in its middle."),
        paged=False,
    )

    @extend_schema(
        operation_id="public_leaderboard", summary="The leaderboard", tags=["public"],
        description="By XP; of two with the same XP, who got there first. 404 `not_found` when "
        "`around` is not on the board, or there is no such season.",
        responses={200: documents.LEADERBOARD, **NOT_THERE},
    )  # fmt: skip
    @tags.kept(tag=PEOPLE, seconds=KEPT_SECONDS)
    def get(self, request: Request) -> Response:
        wanted = self.query.read(request)
        board, limit = board_of(wanted["season"]), wanted["limit"]
        if wanted["around"] is None:
            return Response(documents.leaderboard_page(board, wanted["offset"], limit))
        player = player_of(wanted["around"])
        page = ranking.around(board, player.pk, limit=limit) if player else None
        if page is None:
            raise NotFound
        return Response(documents.leaderboard(page, limit))


class StatsView(PublicView):
    query = NOTHING

    @extend_schema(
        operation_id="public_stats", summary="The community in figures", tags=["public"],
        responses={200: documents.STATS},
    )  # fmt: skip
    @tags.kept(tag="community", seconds=KEPT_SECONDS)  # nobody raises it
    def get(self, request: Request) -> Response:
        self.query.read(request)
        return Response(selectors.community_figures())


class UserProgressView(PublicView):
    query = NOTHING

    @extend_schema(
        operation_id="public_progress_user", summary="What a player has completed",
        tags=["public"], responses={200: documents.USER_PROGRESS, **NO_WALLET},
    )  # fmt: skip
    def get(self, request: Request, wallet: str) -> Response:
        self.query.read(request)
        player = player_of(wallet)
        completed = documents.completed_quests(player) if player else []
        return Response({
            "walletAddress": to_checksum(wallet),
            "completedQuests": completed,
            "questsCompleted": len(completed),
            "totalXP": selectors.total_xp(player) if player else 0,
        })  # fmt: skip


class QuestStatusView(PublicView):
    query = Query(wallet_address=WalletParameter(), paged=False)

    @extend_schema(
        operation_id="public_quest_status", summary="Has a wallet completed a quest",
        tags=["public"], responses={200: documents.QUEST_STATUS, **NO_WALLET},
        parameters=[OpenApiParameter("walletAddress", str, required=True)],
    )  # fmt: skip
    def get(self, request: Request, number: int) -> Response:
        wallet = self.query.read(request)["wallet_address"] or parse_wallet("")
        quest = find_definition(number)
        player = player_of(wallet)
        done: Any = selectors.newest_completion(player, quest.id) if player else None
        return Response({
            "questId": quest.number,
            "walletAddress": to_checksum(wallet),
            "completed": done is not None,
            "completedAt": documents.instant_or_none(done and done.completed_at),
            "xpEarned": done.xp if done else 0,
        })  # fmt: skip


class RecentCompletionsView(PublicView):
    query = Query(limit=Integer(at_least=1, at_most=MAX_PAGE, default=10), paged=False)

    @extend_schema(
        operation_id="public_recent_completions", summary="The newest completions",
        tags=["public"], responses={200: documents.RECENT},
    )  # fmt: skip
    @tags.kept(tag=PEOPLE, seconds=KEPT_SECONDS)
    def get(self, request: Request) -> Response:
        limit = self.query.read(request)["limit"]
        return Response({"completions": documents.recent(limit)})
