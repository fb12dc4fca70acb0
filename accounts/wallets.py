"""Every write about wallets: signing in by one, linking, unlinking, choosing the primary one."""

import secrets
from typing import NamedTuple

import structlog
from django.contrib.auth.models import update_last_login
from django.db import IntegrityError, transaction
from django.http import Http404
from rest_framework.exceptions import AuthenticationFailed

from accounts import services
from accounts.addresses import to_checksum
from accounts.events import announce_people_after_commit
from accounts.models import User, Wallet
from accounts.selectors import find_wallet
from accounts.siwe import verification
from accounts.tokens import TokenPair
from monitoring.wire.mapping import unavailable
from monitoring.wire.problem import Problem

logger = structlog.get_logger("rallypoint.accounts")

MAX_WALLETS = 10
_TRIES = 5


class SignedIn(NamedTuple):
    user: User
    tokens: TokenPair


class Linked(NamedTuple):
    wallet: Wallet
    created: bool


# --- Signing in -----------------------------------------------------------------------------------
def sign_in(*, message: str, signature: str, binding: str) -> SignedIn:
    """As `identify`, with a first pair of tokens."""
    user = identify(message=message, signature=signature, binding=binding)
    update_last_login(None, user)  # type: ignore[arg-type]  # Django's receiver ignores the sender
    return SignedIn(user, services.issue_tokens(user=user))


def identify(*, message: str, signature: str, binding: str) -> User:
    """Whoever holds the wallet; the first time makes her. See `verification.prove` for refusals."""
    address = verification.prove(message=message, signature=signature, binding=binding)
    user = _find_or_register(address)
    if not user.is_active:
        raise AuthenticationFailed("This account is not active.", code="user_inactive")
    return user


def _find_or_register(address: str) -> User:
    """Of two first sign-ins at once the second meets a constraint, and then finds the first."""
    for attempt in range(_TRIES):
        if wallet := find_wallet(address):
            return wallet.user
        try:
            return _register(address, mark=secrets.token_hex(4) if attempt else "")
        except IntegrityError:  # the wallet or the name was taken in the meantime
            continue
    raise unavailable("registration_busy", "Too many people come at once. Try again shortly.")


@transaction.atomic
def _register(address: str, *, mark: str) -> User:
    user = User.objects.create_user(_username(address, mark))
    Wallet.objects.create(user=user, address=address, is_primary=True)
    logger.info("wallet_registered", user=str(user.public_id))
    return user


def _username(address: str, mark: str) -> str:
    """`0x52Ab-9fcD`; with a mark behind it when that is taken."""
    shown = to_checksum(address)
    return "-".join(filter(None, (shown[:6], shown[-4:], mark)))


# --- A person's wallets ---------------------------------------------------------------------------
def link(*, user: User, message: str, signature: str, binding: str) -> Linked:
    """One more wallet for somebody who is signed in; hers already is no error.

    Problem 409: `wallet_taken`, `too_many_wallets`. Never inside a transaction, which would give
    the nonce back: so its view has no Idempotency-Key, and needs none.
    """
    address = verification.prove(message=message, signature=signature, binding=binding)
    try:
        return _link(user, address)
    except IntegrityError:
        raise _taken() from None


@transaction.atomic
def _link(user: User, address: str) -> Linked:
    _lock(user)
    if wallet := find_wallet(address):
        if wallet.user_id != user.pk:
            raise _taken()
        return Linked(wallet, created=False)
    count = user.wallets.count()
    if count >= MAX_WALLETS:
        detail = f"Nobody has more than {MAX_WALLETS} wallets."
        raise Problem("too_many_wallets", detail, status=409)
    wallet = Wallet.objects.create(user=user, address=address, is_primary=count == 0)
    return Linked(wallet, created=True)


@transaction.atomic
def unlink(*, user: User, address: str) -> None:
    """Problem 409 `last_wallet` when she could not sign in any more; Http404 when it is not hers.

    The oldest of the others becomes the primary one if this was it.
    """
    locked = _lock(user)
    wallet = _own(user, address)
    oldest = user.wallets.exclude(pk=wallet.pk).order_by("linked_at", "pk").first()
    if oldest is None and not locked.has_usable_password():
        detail = "This wallet is your only way to sign in. Link another one first."
        raise Problem("last_wallet", detail, status=409)
    wallet.delete()
    if wallet.is_primary and oldest:
        Wallet.objects.filter(pk=oldest.pk).update(is_primary=True)


@transaction.atomic
def make_primary(*, user: User, address: str) -> Wallet:
    """Http404 when it is not hers."""
    _lock(user)
    wallet = _own(user, address)
    user.wallets.exclude(pk=wallet.pk).update(is_primary=False)
    user.wallets.filter(pk=wallet.pk).update(is_primary=True)
    wallet.is_primary = True
    return wallet


def _lock(user: User) -> User:
    """Changes to one person's wallets go one after the other, and the world hears of them."""
    announce_people_after_commit(user.pk)
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _own(user: User, address: str) -> Wallet:
    if (wallet := user.wallets.filter(address=address).first()) is None:
        raise Http404
    return wallet


def _taken() -> Problem:
    return Problem("wallet_taken", "Somebody else has linked this wallet.", status=409)
