"""What people type on the pages of rooms. What may be is decided by the services."""

import re
from typing import Any

from django import forms
from django.utils.text import slugify

from realtime.models import Room
from realtime.models.message import MAX_BODY, MAX_CLIENT_ID
from realtime.words import one_line, sayable

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]")
_KINDS = [
    (Room.Kind.PUBLIC.value, "Public: everybody comes in"),
    (Room.Kind.PRIVATE.value, "Private: by invitation"),
]


class RoomForm(forms.Form):
    name = forms.CharField(max_length=100, validators=[one_line])
    slug = forms.CharField(
        label="Address",
        required=False,
        widget=forms.TextInput({
            "autocapitalize": "none", "autocomplete": "off", "spellcheck": "false",
            "placeholder": "made of the name",
        }),
    )  # fmt: skip
    topic = forms.CharField(
        label="What it is for", required=False, max_length=500, validators=[one_line]
    )
    kind = forms.ChoiceField(label="Who comes in", choices=_KINDS)

    def clean(self) -> dict[str, Any]:
        """An address that was not given is made of the name."""
        slug = self.cleaned_data.get("slug") or slugify(self.cleaned_data.get("name", ""))[:50]
        self.cleaned_data["slug"] = slug.strip("-")
        if "name" in self.cleaned_data and not _SLUG.fullmatch(self.cleaned_data["slug"]):
            self.add_error("slug", "Use 3 to 50 small letters, digits and dashes.")
        return self.cleaned_data


class MessageForm(forms.Form):
    """`client_id` comes with the page: a form that is sent twice says what it says once."""

    body = forms.CharField(
        max_length=MAX_BODY, strip=False, error_messages={"required": "Say something."}
    )
    client_id = forms.RegexField(rf"\A[\x21-\x7e]{{1,{MAX_CLIENT_ID}}}\Z")

    def clean_body(self) -> str:
        """Browsers send line ends of their own."""
        body = str(self.cleaned_data["body"]).replace("\r\n", "\n")
        sayable(body)
        return body


class SearchForm(forms.Form):
    search = forms.CharField(label="Search", required=False, max_length=100)

    def read(self) -> str:
        self.is_valid()
        return str(self.cleaned_data.get("search", ""))
