"""Whose links a page may show: the signed-in person's own. A link of somebody else is not there."""

from typing import cast
from uuid import UUID

from django.http import Http404, HttpRequest

from accounts.models import User
from links import selectors
from links.models import Link
from monitoring.wire.problems import Problem


def person(request: HttpRequest) -> User:
    return cast("User", request.user)


def own_link(request: HttpRequest, public_id: UUID) -> Link:
    try:
        return selectors.find_link(person(request), public_id)
    except Problem as problem:
        raise Http404 from problem
