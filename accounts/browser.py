"""Tokens for the pages of somebody who is signed in by a browser session.

A socket asks for an access token, a page has a cookie: each session gets one token family, which
lives as long as the session does. There is no refresh token; a page asks again.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts import services, tokens
from accounts.models import TokenFamily, User
from accounts.selectors import refuse_dead
from accounts.tokens import AccessToken

SESSION_KEY = "token_family"


@dataclass(frozen=True, slots=True)
class BrowserToken:
    access: str = field(repr=False)
    expires_at: datetime


@transaction.atomic
def mint_for_session(*, session: SessionBase, user: User) -> BrowserToken:
    """An access token of the session's own family. AuthenticationFailed `session_ended` when she
    has signed out in the meantime."""
    family = _family_of(session, user)
    token = AccessToken()
    token[api_settings.USER_ID_CLAIM] = str(user.public_id)
    token[tokens.FAMILY_CLAIM] = str(family.uuid)
    family.last_used_at = timezone.now()
    family.expires_at = family.last_used_at + timedelta(seconds=session.get_expiry_age())
    # Nothing else: somebody may be revoking it at this moment.
    is_new = family._state.adding  # noqa: SLF001 - documented by Django for just this
    family.save(update_fields=None if is_new else ["last_used_at", "expires_at"])
    return BrowserToken(str(token), datetime_from_epoch(token["exp"]))


@transaction.atomic
def sign_out_with_session(*, request: HttpRequest, **_: Any) -> None:
    """Hears of every sign-out: sockets that the session's pages have open end with it."""
    if _is_locked(request.session) and (family := _kept_family(request.session)):
        services.sign_out_family(family_uuid=family.uuid)


def _family_of(session: SessionBase, user: User) -> TokenFamily:
    """Pages that ask at one moment take turns at the session's row, so that they share a family:
    a second one would outlive the sign-out, which ends the one in the session."""
    if not _is_locked(session):
        raise _ended()
    family = _kept_family(session)
    if family and family.revoked_reason == TokenFamily.Reason.SIGNED_OUT:
        raise _ended()
    try:
        return refuse_dead(family)
    except AuthenticationFailed:
        # The first one; or she has signed out everywhere, which a browser session survives.
        family = TokenFamily(user=user, session_hash=user.get_session_auth_hash())
        session[SESSION_KEY] = str(family.uuid)
        session.save()
        return family


def _is_locked(session: SessionBase) -> bool:
    """False when there is no such session any more."""
    rows = Session.objects.select_for_update().filter(pk=session.session_key)
    return rows.first() is not None


def _kept_family(session: SessionBase) -> TokenFamily | None:
    """As it stands in the row now, not as this request has read it."""
    kept = session.__class__(session.session_key).get(SESSION_KEY)
    return TokenFamily.objects.select_related("user").filter(uuid=kept).first() if kept else None


def _ended() -> AuthenticationFailed:
    return AuthenticationFailed("This session has ended.", code="session_ended")
