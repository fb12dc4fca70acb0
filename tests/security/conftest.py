"""Alice and Bob with one of everything each, and an operator; made once a test."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from tests.security.cast import OPERATORS, Tenant, owns, world
from tests.security.operations import Operation

CallerOf = Callable[[Operation], APIClient]


@pytest.fixture
def shared(operator: User) -> SimpleNamespace:
    return world(operator)


@pytest.fixture
def hers(alice: User, shared: SimpleNamespace) -> Tenant:
    return owns(alice, shared)


@pytest.fixture
def his(bob: User, shared: SimpleNamespace) -> Tenant:
    return owns(bob, shared)


@pytest.fixture
def caller_of(hers: Tenant, api: Callable[..., APIClient]) -> CallerOf:
    """Whoever may do it: Alice, or an operator with every permission. What is refused to her is
    refused for what it is."""
    mine, theirs = api(hers.user), api(User.objects.create_superuser("root"))
    mine.credentials(HTTP_IF_MATCH='"1"')  # a profile is only changed by who says what she saw
    return lambda operation: theirs if str(operation) in OPERATORS else mine
