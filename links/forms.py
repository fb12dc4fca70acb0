"""What people type on the pages. A form knows the shape of what it asks for; what may be is decided
by links.services, whose refusals are shown beside the fields by `show_problem`."""

from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError

from links.models import Link
from links.periods import ZoneField, refuse_strange_year
from links.qr import QrOptions
from links.services import LinkFields
from monitoring.wire.casing import snake
from monitoring.wire.problems import Problem


def show_problem(form: forms.BaseForm, problem: Problem) -> None:
    """Each of the problem's sentences beside the field that it is about, else above the form."""
    subject = problem.code.partition("_")[0]  # of slug_taken: slug
    errors = problem.errors or [{"field": subject, "message": str(problem.detail)}]
    for error in errors:
        name = snake(error["field"].partition(".")[0])
        message = ValidationError(error["message"], code=problem.code)
        form.add_error(name if name in form.fields else None, message)


class MomentField(forms.DateTimeField):
    """A moment in the active time zone, to the minute: what a browser's own control asks for."""

    default_validators = [refuse_strange_year]

    def __init__(self, label: str, help_text: str = "") -> None:
        widget = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(label=label, help_text=help_text, widget=widget, required=False)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Seconds that an API caller has set are not shown, and not taken away unasked."""
        shown = initial.replace(second=0, microsecond=0) if initial else None
        return bool(super().has_changed(shown, data))


def address_input(placeholder: str = "") -> forms.TextInput:
    """Not type=url: that would make browsers refuse in their own words before the service can."""
    return forms.TextInput({
        "inputmode": "url",
        "autocapitalize": "none",
        "autocomplete": "off",
        "spellcheck": "false",
        "placeholder": placeholder,
    })  # fmt: skip


class CreateLinkForm(forms.Form):
    """A new link. `url` has no max_length: with one, browsers cut off what is pasted, unsaid."""

    url = forms.CharField(label="Where to", widget=address_input("https://example.org/page"))
    slug = forms.CharField(label="Short name", required=False, widget=address_input("made for you"))
    title = forms.CharField(label="Title", required=False, max_length=300)


class EditLinkForm(forms.Form):
    url = forms.CharField(label="Where to", widget=address_input())
    title = forms.CharField(required=False, max_length=300)
    tags = forms.CharField(required=False, help_text="Separated by commas.")
    starts_at = MomentField("Starts")
    expires_at = MomentField("Ends")
    expired_url = forms.CharField(
        label="Afterwards",
        required=False,
        widget=address_input(),
        help_text="Where visitors go once the link has ended or is used up.",
    )
    max_clicks = forms.IntegerField(
        label="Most clicks", required=False, min_value=1, max_value=2**31 - 1
    )
    password = forms.CharField(
        required=False,
        max_length=256,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text="Visitors are asked for it.",
    )
    remove_password = forms.BooleanField(label="Ask for no password any more", required=False)
    redirect_status = forms.TypedChoiceField(
        label="Kind of redirect",
        coerce=int,
        choices=[
            (302, "302: counts every click"),
            (307, "307: the same, and keeps forms"),
            (301, "301: permanent"),
            (308, "308: permanent, and keeps forms"),
        ],
        help_text="Browsers remember a permanent one for a day; what they repeat is not counted.",
    )
    forward_query = forms.BooleanField(
        label="Pass on what follows “?” in the short address", required=False
    )
    tz = ZoneField(help_text="Of both times.")

    _TAKEN_OVER = (
        "url", "title", "tags", "starts_at", "expires_at", "expired_url", "max_clicks",
        "redirect_status", "forward_query",
    )  # fmt: skip

    def __init__(self, link: Link, data: Any = None, *, zone: ZoneInfo) -> None:
        shown = {name: getattr(link, name) for name in self._TAKEN_OVER}
        shown |= {"tags": ", ".join(link.tags), "tz": zone.key}
        super().__init__(data, initial=shown)
        for name in self._TAKEN_OVER:
            # What was shown is sent along, so that `changes` compares with that: what somebody else
            # changed in the meantime is not put back by a form that still shows the old value.
            self.fields[name].show_hidden_initial = True
        if not link.has_password:
            del self.fields["remove_password"]

    def clean_tags(self) -> list[str]:
        tags = [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]
        if any(len(tag) > 50 for tag in tags):
            raise ValidationError("A tag has at most 50 characters.", code="tag_length")
        return tags

    def changes(self) -> LinkFields:
        """What was changed here, and nothing else."""
        changed = {
            name: self.cleaned_data[name] for name in self._TAKEN_OVER if name in self.changed_data
        }
        if self.cleaned_data.get("remove_password"):
            changed["password"] = ""
        elif self.cleaned_data["password"]:
            changed["password"] = self.cleaned_data["password"]
        return cast("LinkFields", changed)


class FilterForm(forms.Form):
    """How the list is narrowed and sorted; what is wrong in it counts as not said."""

    ORDERS = {
        "newest": ("Newest first", "-created_at"),
        "oldest": ("Oldest first", "created_at"),
        "clicks": ("Most clicks first", "-click_count"),
    }
    search = forms.CharField(label="Search", required=False, max_length=200)
    tag = forms.CharField(label="Tag", required=False, max_length=50)
    sort = forms.ChoiceField(
        label="Order", required=False, choices=[(key, name) for key, (name, _) in ORDERS.items()]
    )

    def read(self) -> tuple[str, str, str]:
        """(search, tag, column to order by)."""
        self.is_valid()
        values = self.cleaned_data
        order = self.ORDERS[values.get("sort") or "newest"][1]
        return values.get("search", ""), values.get("tag", ""), order

    @property
    def is_narrowed(self) -> bool:
        return bool(self.cleaned_data.get("search") or self.cleaned_data.get("tag"))


class QrForm(forms.Form):
    """How a QR code is drawn; sizes are the edge of a module, as links.qr takes it."""

    SIZES = {4: "Small, for screens", 8: "Medium", 16: "Large, for paper", 40: "Poster"}

    size = forms.TypedChoiceField(
        label="Size", required=False, coerce=int, choices=list(SIZES.items())
    )
    error_correction = forms.ChoiceField(
        label="Stays readable with",
        required=False,
        choices=[
            ("m", "15 % of it damaged"),
            ("l", "7 % of it damaged"),
            ("q", "25 % of it damaged"),
            ("h", "30 % of it damaged"),
        ],
    )

    def __init__(self, data: Any) -> None:
        super().__init__(data, initial={"size": 8, "error_correction": "m"})

    def options(self) -> QrOptions:
        """What is wrong in it counts as not said."""
        self.is_valid()
        said = getattr(self, "cleaned_data", {})
        return {
            "size": said.get("size") or 8,
            "error_correction": said.get("error_correction") or "m",
        }
