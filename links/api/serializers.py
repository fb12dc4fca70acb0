"""What goes over the wire about links and campaigns."""

from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers

from links.addresses import MAX_LENGTH
from links.fields import MAX_TAGS, UTM_FIELDS
from links.models import Campaign, Click, Link, RedirectStatus, TargetChange
from links.routing import MAX_RULES, MAX_VARIANTS
from links.slugs import MAX_LENGTH as MAX_SLUG_LENGTH
from links.transfer import Action
from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField
from monitoring.wire.inputs import StrictInput

MAX_BULK = 1_000


class UtmField(serializers.DictField):
    child = serializers.CharField(max_length=200, allow_blank=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(help_text=f"Any of {', '.join(UTM_FIELDS)}.", **kwargs)


class ConditionsShape(CamelCaseMixin, serializers.Serializer[Any]):
    """All that are given must hold; within one list any entry will do."""

    device = serializers.ListField(child=serializers.CharField(), required=False)
    os = serializers.ListField(child=serializers.CharField(), required=False)
    browser = serializers.ListField(child=serializers.CharField(), required=False)
    country = serializers.ListField(child=serializers.CharField(), required=False)
    language = serializers.ListField(child=serializers.CharField(), required=False)
    query = serializers.DictField(child=serializers.CharField(), required=False)
    starts_at = WireDateTimeField(required=False)
    ends_at = WireDateTimeField(required=False)


class RuleShape(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    when = ConditionsShape()
    url = serializers.CharField(max_length=MAX_LENGTH)


class VariantShape(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    url = serializers.CharField(max_length=MAX_LENGTH)
    weight = serializers.IntegerField(min_value=1, max_value=10_000, default=1)


class RoutesField(serializers.JSONField):
    """Rules or variants as they came: their types are in links.routing, which checks them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, list):
            raise serializers.ValidationError("A list is needed.", code="not_a_list")
        return data


class LinkChange(StrictInput):
    """What can be changed later: everything but slug and domain."""

    url = serializers.CharField(max_length=MAX_LENGTH, required=False)
    title = serializers.CharField(max_length=300, required=False, allow_blank=True)
    description = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50), max_length=MAX_TAGS, required=False
    )
    campaign = serializers.UUIDField(required=False, allow_null=True)
    starts_at = WireDateTimeField(required=False, allow_null=True)
    expires_at = WireDateTimeField(required=False, allow_null=True)
    expired_url = serializers.CharField(max_length=MAX_LENGTH, required=False, allow_blank=True)
    max_clicks = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True
    )
    max_clicks_per_minute = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True
    )
    password = serializers.CharField(
        max_length=256,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        write_only=True,
        help_text='"" takes the password away.',
    )
    redirect_status = serializers.ChoiceField(choices=RedirectStatus.choices, required=False)
    forward_query = serializers.BooleanField(required=False)
    crawlable = serializers.BooleanField(required=False)
    utm = UtmField(required=False)
    rules = RoutesField(help_text=f"At most {MAX_RULES}; the first that matches wins.")
    variants = RoutesField(help_text=f"At most {MAX_VARIANTS}; they share the rest by weight.")


class LinkInput(LinkChange):
    url = serializers.CharField(max_length=MAX_LENGTH)
    slug = serializers.CharField(
        max_length=MAX_SLUG_LENGTH,
        required=False,
        allow_blank=True,
        help_text="Without one, seven characters are generated.",
    )
    domain = serializers.CharField(
        max_length=253, required=False, allow_blank=True, help_text="One of LINK_DOMAINS."
    )

    def validate_domain(self, domain: str) -> str:
        if domain and domain.lower() not in settings.LINK_DOMAINS:
            raise serializers.ValidationError("This domain is not served here.", "domain_unknown")
        return domain.lower()


class CampaignOutput(CamelCaseMixin, serializers.ModelSerializer[Campaign]):
    id = serializers.UUIDField(source="public_id")

    class Meta:
        model = Campaign
        fields: ClassVar[list[str]] = ["id", "name", "created_at"]


class CampaignInput(StrictInput):
    name = serializers.CharField(max_length=100)


class LinkOutput(CamelCaseMixin, serializers.ModelSerializer[Link]):
    id = serializers.UUIDField(source="public_id")
    short_url = serializers.CharField()
    campaign = CampaignOutput(allow_null=True)
    has_password = serializers.BooleanField()
    utm = UtmField()
    rules = RuleShape(many=True)
    variants = VariantShape(many=True)

    class Meta:
        model = Link
        fields: ClassVar[list[str]] = [
            "id", "slug", "domain", "short_url", "url", "title", "description", "favicon_url",
            "tags", "campaign", "starts_at", "expires_at", "expired_url", "max_clicks",
            "max_clicks_per_minute", "has_password", "redirect_status", "forward_query",
            "crawlable", "utm", "rules", "variants", "click_count", "last_clicked_at", "version",
            "created_at", "updated_at",
        ]  # fmt: skip

    def to_representation(self, instance: Link) -> dict[str, Any]:
        # Rules and variants are stored in the form in which they go over the wire.
        shown = super().to_representation(instance)
        return shown | {"rules": instance.rules, "variants": instance.variants}


class BulkInput(StrictInput):
    links = serializers.ListField(child=serializers.JSONField(), min_length=1, max_length=MAX_BULK)
    mode = serializers.ChoiceField(
        choices=["all", "each"],
        default="each",
        help_text="`all`: one bad row and nothing is made. `each`: every good row is made.",
    )


class ReasonOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    field = serializers.CharField(allow_blank=True)


class ChangeOutput(serializers.Serializer[Any]):
    field = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class ImportedRowOutput(CamelCaseMixin, serializers.Serializer[Any]):
    line = serializers.IntegerField()
    slug = serializers.CharField()
    domain = serializers.CharField()
    url = serializers.CharField()
    action = serializers.ChoiceField(choices=[action.value for action in Action])
    reasons = ReasonOutput(many=True)
    changes = ChangeOutput(many=True)
    link_id = serializers.UUIDField(allow_null=True)


class ImportOutput(serializers.Serializer[Any]):
    """`applied` is false for a dry run, and when one refused row undid the others."""

    applied = serializers.BooleanField()
    counts = serializers.DictField(child=serializers.IntegerField(), source="plan.counts")
    rows = ImportedRowOutput(many=True, source="plan.rows")


class ClickOutput(CamelCaseMixin, serializers.ModelSerializer[Click]):
    id = serializers.UUIDField(source="event_id")

    class Meta:
        model = Click
        fields: ClassVar[list[str]] = [
            "id", "at", "is_bot", "country", "language", "referrer", "browser", "os", "device",
            "variant", "rule",
        ]  # fmt: skip


class TargetChangeOutput(CamelCaseMixin, serializers.ModelSerializer[TargetChange]):
    changed_by = serializers.CharField(source="changed_by.username", allow_null=True, default=None)

    class Meta:
        model = TargetChange
        fields: ClassVar[list[str]] = ["url", "changed_by", "at"]


class Page(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class LinkPage(Page):
    results = LinkOutput(many=True)


class CampaignPage(Page):
    results = CampaignOutput(many=True)


class ClickPage(Page):
    results = ClickOutput(many=True)


class TargetChangePage(Page):
    results = TargetChangeOutput(many=True)


class CountsOutput(serializers.Serializer[Any]):
    """`clicks` are those asked for by `bots`; humans and bots always make up all there were."""

    clicks = serializers.IntegerField()
    humans = serializers.IntegerField()
    bots = serializers.IntegerField()
    visitors = serializers.IntegerField(
        help_text="People, each counted once a day (UTC), by the day's first click."
    )


class PointOutput(CountsOutput):
    start = WireDateTimeField()


class ValueOutput(CountsOutput):
    value = serializers.CharField(help_text='"" where it is not known, or there was none.')


class StatisticsOutput(CamelCaseMixin, serializers.Serializer[Any]):
    starts_at = WireDateTimeField(help_text="The quarter of an hour in which the answer begins.")
    ends_at = WireDateTimeField()
    interval = serializers.CharField()
    tz = serializers.CharField()
    totals = CountsOutput()
    series = PointOutput(many=True)
    breakdowns = serializers.DictField(child=ValueOutput(many=True))


class ExplainInput(StrictInput):
    user_agent = serializers.CharField(max_length=512, required=False, allow_blank=True, default="")
    country = serializers.RegexField("^[A-Za-z]{2}$", required=False, default="")
    language = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    at = WireDateTimeField(required=False, default=None, allow_null=True)
    query = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class StepOutput(serializers.Serializer[Any]):
    check = serializers.CharField()
    result = serializers.CharField()


class ExplainOutput(serializers.Serializer[Any]):
    outcome = serializers.CharField()
    url = serializers.CharField(allow_blank=True)
    rule = serializers.CharField(allow_blank=True)
    variant = serializers.CharField(allow_blank=True)
    trace = StepOutput(many=True)
