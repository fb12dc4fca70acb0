"""What the views of links share: reading what a request asks for."""

from collections.abc import Mapping
from typing import Any, cast

from rest_framework import serializers

from accounts.models import User
from links import selectors
from links.fields import refusal
from links.services import LinkFields


def parsed(serializer: "serializers.BaseSerializer[Any]") -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def link_fields(owner: User, data: Mapping[str, Any]) -> LinkFields:
    """Serializer data as what the services take: the campaign's id becomes the owner's campaign."""
    fields = dict(data)
    if campaign_id := fields.get("campaign"):
        fields["campaign"] = selectors.campaigns_of(owner).filter(public_id=campaign_id).first()
        if fields["campaign"] is None:
            raise refusal("campaign", "campaign_not_found", "You have no such campaign.")
    return cast("LinkFields", fields)
