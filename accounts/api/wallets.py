"""Signing in by wallet (EIP-4361), and a person's wallets."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import examples, nonces, selectors, wallets
from accounts.addresses import parse_wallet
from accounts.api.parsing import SECRET_HEADERS, parsed
from accounts.api.sign_ins import PublicView
from accounts.models import Wallet
from accounts.permissions import IsPerson, caller
from accounts.serializers import NonceOutput, WalletOutput, WalletProofInput, WalletSignInOutput
from accounts.siwe.verification import site
from accounts.throttling import count_failure, limit, refuse_who_failed
from monitoring.wire.filters import Query
from monitoring.wire.schema import problem

_REFUSALS = (
    "400 says that something could not be read: `message_malformed` (`reason` names the line), "
    "`message_too_long`, `message_encoding`, `version_unsupported`, `wallet_checksum`, "
    "`signature_malformed`. 401 says that it proves nothing: `nonce_unknown`, `nonce_used`, "
    "`nonce_expired`, `nonce_browser_mismatch`, `domain_mismatch`, `uri_mismatch`, "
    "`chain_not_allowed`, `issued_in_future`, `message_stale`, `message_expired`, "
    "`message_not_yet_valid`, `signature_mismatch`. Every message that can be read uses its nonce "
    "up. Contract wallets (EIP-1271) work where the operator has named a node for their chain, "
    "else 503 `rpc_unavailable` when that is away; contracts that are not deployed yet (ERC-6492) "
    "do not."
)
_READ_REFUSAL = problem(400, "The message, the signature or the wallet cannot be read.")
_PROOF_REFUSAL = problem(401, "The message proves nothing; `code` says why.")
_INVALID = problem(400, "`wallet_invalid` or `wallet_checksum`.")


class NonceView(PublicView):
    @extend_schema(
        operation_id="auth_nonce",
        summary="Ask for a nonce to sign a message with",
        description="Build an EIP-4361 message of exactly these parts, have the wallet sign it, "
        "and send both to `/api/auth/login` or `/api/auth/wallets` within five minutes. A nonce is "
        "good for one attempt, and only together with the cookie that comes with it: a client that "
        "is no browser must keep it and send it back.",
        request=None,
        responses=NonceOutput,
        examples=[examples.NONCE],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        limit(request, tier="nonce")
        issued = nonces.issue(binding=_binding(request))
        ours = site()
        body = {
            "nonce": issued.nonce,
            "domain": ours.domain,
            "uri": ours.uri,
            "chain_id": settings.WALLET_CHAIN_IDS[0],
            "statement": settings.SIGN_IN_STATEMENT,
            "expires_at": issued.expires_at,
        }
        return _bound(Response(NonceOutput(body).data, headers=SECRET_HEADERS), issued.binding)


class LoginView(PublicView):
    @extend_schema(
        operation_id="auth_login",
        summary="Sign in by wallet",
        description=f"The first time makes the account. {_REFUSALS} `user_inactive` is said to "
        "whoever holds the wallet.",
        request=WalletProofInput,
        responses={200: WalletSignInOutput, **_READ_REFUSAL, **_PROOF_REFUSAL},
        examples=[examples.WALLET_PROOF, examples.WALLET_SIGN_IN],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        proof = parsed(WalletProofInput(data=request.data))
        refuse_who_failed(request)
        try:
            user, tokens = wallets.sign_in(**proof, binding=_binding(request))
        except AuthenticationFailed:
            count_failure(request)
            raise
        profile = selectors.profile_of(user=user)
        body = {"access": tokens.access, "refresh": tokens.refresh, "user": profile}
        return Response(WalletSignInOutput(body).data, headers=SECRET_HEADERS)


class WalletsView(ListAPIView[Wallet]):
    permission_classes = [IsPerson]
    write_tiers = ("strict",)
    serializer_class = WalletOutput
    query = Query()
    ordering = "linked_at"
    queryset = Wallet.objects.none()  # for the schema: get_queryset needs a person

    def get_queryset(self) -> QuerySet[Wallet]:
        return selectors.wallets_of(user=caller(self.request))

    @extend_schema(
        operation_id="auth_wallets_list",
        summary="My wallets",
        examples=[examples.WALLET],
        tags=["auth"],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.query.read(request)
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="auth_wallets_link",
        summary="Link one more wallet",
        description=f"200 when it is yours already. {_REFUSALS}",
        request=WalletProofInput,
        responses={
            201: WalletOutput,
            200: WalletOutput,
            **_READ_REFUSAL,
            **_PROOF_REFUSAL,
            **problem(409, "`wallet_taken`, or `too_many_wallets` for the eleventh."),
        },
        examples=[examples.WALLET_PROOF, examples.WALLET],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        proof = parsed(WalletProofInput(data=request.data))
        linked = wallets.link(user=caller(request), **proof, binding=_binding(request))
        code = status.HTTP_201_CREATED if linked.created else status.HTTP_200_OK
        return Response(WalletOutput(linked.wallet).data, status=code)


class WalletView(APIView):
    permission_classes = [IsPerson]
    write_tiers = ("strict",)

    @extend_schema(
        operation_id="auth_wallets_unlink",
        summary="Unlink a wallet of mine",
        description="If it was the primary one, the oldest of the others is from now on. Sign-ins "
        "that were made with it go on: see `/api/auth/logout-everywhere`.",
        responses={
            204: OpenApiResponse(description="Unlinked."),
            **_INVALID,
            **problem(409, "`last_wallet`: you could not sign in any more."),
        },
        tags=["auth"],
    )
    def delete(self, request: Request, address: str) -> Response:
        wallets.unlink(user=caller(request), address=parse_wallet(address))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PrimaryWalletView(APIView):
    permission_classes = [IsPerson]
    write_tiers = ("strict",)

    @extend_schema(
        operation_id="auth_wallets_make_primary",
        summary="Make a wallet of mine the one that others see",
        request=None,
        responses={200: WalletOutput, **_INVALID},
        examples=[examples.WALLET],
        tags=["auth"],
    )
    def put(self, request: Request, address: str) -> Response:
        wallet = wallets.make_primary(user=caller(request), address=parse_wallet(address))
        return Response(WalletOutput(wallet).data)


def _binding(request: Request) -> str:
    return str(request.COOKIES.get(settings.NONCE_COOKIE_NAME, ""))


def _bound(response: Response, binding: str) -> Response:
    """Strict: no other site has a reason to send it, and to clients without sites it is nothing."""
    response.set_cookie(
        settings.NONCE_COOKIE_NAME,
        binding,
        max_age=nonces.LIFETIME,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Strict",
    )
    return response
