"""Alice owns what a test is about, Bob is somebody else; the operator is on the staff."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.models import ApiKey, User
from accounts.tokens import TokenPair

PASSWORD = "correct horse battery"


@pytest.fixture
def tokens(alice: User) -> TokenPair:
    return services.issue_tokens(user=alice)


@pytest.fixture
def key(alice: User) -> tuple[ApiKey, str]:
    return services.create_api_key(user=alice, name="Website", scopes=["links:read"])


@pytest.fixture
def bearer() -> Callable[[str], APIClient]:
    def client(credential: str) -> APIClient:
        return APIClient(headers={"Authorization": f"Bearer {credential}"})

    return client
