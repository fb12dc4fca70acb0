"""Which time a page shows, and in which time zone."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from links.clicks.statistics import Period

# Beyond these the calendar of Python, of PostgreSQL or of a time zone comes to its end.
YEARS = range(2000, 2101)
# The regions of the tz database; what is beside them are old names of the same zones.
_REGIONS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe",
    "Indian", "Pacific",
)  # fmt: skip


def refuse_strange_year(moment: date | None) -> None:
    if moment is not None and moment.year not in YEARS:
        raise ValidationError("Choose a year from 2000 to 2100.", code="year")


@cache
def _cities() -> dict[str, list[tuple[str, str]]]:
    """(name, city) by region. Read once: it walks the file system."""
    regions: dict[str, list[tuple[str, str]]] = {region: [] for region in _REGIONS}
    for name in sorted(available_timezones()):
        region, _, city = name.partition("/")
        if region in regions:
            regions[region].append((name, city.replace("_", " ")))
    return regions


@cache
def zone_names() -> frozenset[str]:
    """The zones of places, and UTC. The rest of the file system's list has names that PostgreSQL
    does not know, `localtime` among them."""
    return frozenset(name for cities in _cities().values() for name, _ in cities) | {"UTC"}


@cache
def _zone_options() -> SafeString:
    """Some 400 of them, the same on every page: drawn once."""
    groups = (
        (region, format_html_join("", '<option value="{}">{}</option>', cities))
        for region, cities in _cities().items()
    )
    regions = format_html_join("", '<optgroup label="{}">{}</optgroup>', groups)
    return format_html('<option value="UTC">UTC</option>{}', regions)


class ZoneField(forms.Field):
    """The name of a time zone becomes a ZoneInfo; none is UTC. forms/zone.html draws the select,
    because Django's widget takes tens of milliseconds for so many options."""

    def __init__(self, help_text: str = "") -> None:
        super().__init__(label="Time zone", help_text=help_text, required=False)

    def to_python(self, value: Any) -> ZoneInfo:
        name = str(value or "UTC")
        if name not in zone_names():
            raise ValidationError("There is no such time zone.", code="zone")
        return ZoneInfo(name)

    @property
    def options(self) -> SafeString:
        return _zone_options()


def zone_in(query: Mapping[str, Any]) -> ZoneInfo:
    """The time zone that a query or a posted form names; UTC when it names none that is known."""
    try:
        return ZoneField().to_python(query.get("tz"))
    except ValidationError:
        return ZoneInfo("UTC")


class DayField(forms.DateField):
    default_validators = [refuse_strange_year]

    def __init__(self, label: str) -> None:
        super().__init__(label=label, required=False, widget=forms.DateInput({"type": "date"}))


class PeriodForm(forms.Form):
    """Which time a link's page shows. Periods end now and begin with a whole hour or day, so that
    the first bar of a chart is as long as the others."""

    DAYS = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}
    NAMES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
    DEFAULT = "30d"

    period = forms.CharField(required=False, widget=forms.HiddenInput)
    tz = ZoneField()

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        # `from` cannot be the name of an attribute.
        self.fields |= {"from": DayField("From"), "to": DayField("To (included)")}
        self.is_valid()

    def clean(self) -> None:
        first, last = self.cleaned_data.get("from"), self.cleaned_data.get("to")
        if first and last and last < first:
            self.add_error("to", ValidationError("This is before the first day.", code="order"))

    @property
    def zone(self) -> ZoneInfo:
        return self.cleaned_data.get("tz") or ZoneInfo("UTC")

    @property
    def chosen(self) -> str:
        """One of DAYS, or "custom"."""
        if self.cleaned_data.get("from") or self.cleaned_data.get("to"):
            return "custom"
        period = self.cleaned_data.get("period", "")
        return period if period in self.DAYS else self.DEFAULT

    def read(self, now: datetime) -> Period:
        local = now.astimezone(self.zone)
        if self.chosen == "custom":
            return self._custom(local)
        if self.chosen == "24h":
            # Through UTC: summer time may repeat one of these hours, or leave it out.
            hour = local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
            return Period.between(hour - timedelta(hours=23), now, self.zone)
        first = local.date() - timedelta(days=self.DAYS[self.chosen] - 1)
        return Period.between(self._midnight(first), now, self.zone)

    def _custom(self, local: datetime) -> Period:
        last = self.cleaned_data.get("to") or max(local.date(), self.cleaned_data["from"])
        first = self.cleaned_data.get("from") or last - timedelta(days=self.DAYS[self.DEFAULT] - 1)
        end = self._midnight(last + timedelta(days=1))
        return Period.between(self._midnight(first), end, self.zone)

    def _midnight(self, day: Any) -> datetime:
        return datetime.combine(day, time.min, self.zone)
