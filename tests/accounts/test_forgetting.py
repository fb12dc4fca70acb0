"""The hourly accounts.tasks.forget_expired."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import nonces, services, tasks
from accounts.models import LoginNonce, TokenFamily, User

pytestmark = pytest.mark.django_db


def test_what_has_expired_is_forgotten_and_the_rest_is_kept(alice: User) -> None:
    now, lived = timezone.now(), timedelta(days=31)
    old = services.issue_tokens(user=alice)
    services.rotate_refresh(token=old.refresh)
    OutstandingToken.objects.update(expires_at=now - timedelta(seconds=1))
    TokenFamily.objects.update(expires_at=now - timedelta(seconds=1))
    current = services.issue_tokens(user=alice)
    nonces.issue()
    LoginNonce.objects.update(created_at=now - lived, expires_at=now)
    nonces.issue()
    for at in (now - lived, now):
        attempt = AccessAttempt.objects.create(
            username="alice", user_agent=str(at), failures_since_start=1
        )
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=at)
        Session.objects.create(session_key=at.isoformat(), session_data="", expire_date=at + lived)

    tasks.forget_expired()

    assert OutstandingToken.objects.count() == 1
    assert not BlacklistedToken.objects.exists()
    assert TokenFamily.objects.count() == 1
    assert AccessAttempt.objects.count() == 1
    assert Session.objects.count() == 1
    assert LoginNonce.objects.count() == 1
    assert services.rotate_refresh(token=current.refresh)


def test_it_is_the_task_that_the_schedule_names(settings: Any) -> None:
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.forget_expired.name in scheduled


def test_many_rows_go_in_batches(alice: User) -> None:
    for _ in range(5):
        services.issue_tokens(user=alice)
    OutstandingToken.objects.update(expires_at=timezone.now())
    services._delete_in_batches(OutstandingToken.objects.all(), size=2)
    assert not OutstandingToken.objects.exists()
