"""Rules and variants as rows of a form. Rows can be added, moved and removed without a script: then
a button sends the form, and gets it back with the rows so changed (see Deed)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from links.forms import MomentField, address_input
from links.routing import MAX_RULES, MAX_VARIANTS
from monitoring.wire.casing import camel, snake

_LONGEST_WORD = 60
DEVICES = {
    "desktop": "Desktop",
    "mobile": "Phone",
    "tablet": "Tablet",
    "bot": "Bot",
    "other": "Other",
}


class WordsField(forms.CharField):
    """Words between commas become a list; `pattern` says what each must be."""

    def __init__(self, label: str, placeholder: str, *, wrong: str = "", letters: int = 0) -> None:
        attributes = {"placeholder": placeholder, "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(label=label, required=False, widget=forms.TextInput(attributes))
        self._wrong, self._letters = wrong, letters

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        words = [word.strip() for word in str(value or "").split(",") if word.strip()]
        for word in words:
            if len(word) > _LONGEST_WORD:
                raise ValidationError(f"At most {_LONGEST_WORD} characters each.", code="length")
            if self._wrong and not self._is_code(word):
                raise ValidationError(f"“{word}”: {self._wrong}", code="code")
        return words

    def _is_code(self, word: str) -> bool:
        return word.isascii() and word.isalpha() and 2 <= len(word) <= self._letters


class QueryField(forms.CharField):
    """`ref=poster&city=bonn` becomes a mapping."""

    def prepare_value(self, value: Any) -> Any:
        return urlencode(value) if isinstance(value, dict) else value

    def clean(self, value: Any) -> dict[str, str]:
        return dict(parse_qsl(str(value or "").removeprefix("?"), keep_blank_values=True))


class RowForm(forms.Form):
    """A row that says nothing at all counts as not there."""

    use_required_attribute = False

    def as_row(self) -> dict[str, Any]:
        """As it goes over the wire."""
        raise NotImplementedError


class RuleForm(RowForm):
    name = forms.CharField(label="Name", max_length=60)
    url = forms.CharField(label="Leads to", widget=address_input("https://example.org/page"))
    device = forms.MultipleChoiceField(
        label="Device",
        required=False,
        choices=list(DEVICES.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    os = WordsField("System", "iOS, Android")
    country = WordsField("Country", "DE, AT", wrong="a country has two letters, as DE.", letters=2)
    language = WordsField(
        "Language", "de, fr", wrong="a language has two to eight letters, as de.", letters=8
    )
    browser = WordsField("Browser", "Firefox, Chrome")
    query = QueryField(
        label="In the short address after “?”",
        required=False,
        widget=address_input("ref=poster"),
    )
    starts_at = MomentField("From")
    ends_at = MomentField("Until")

    CONDITIONS = ("device", "os", "country", "language", "browser", "query", "starts_at", "ends_at")
    PLAIN = ("os", "country", "language")
    RARE = ("browser", "query", "starts_at", "ends_at")

    @property
    def plain(self) -> list[forms.BoundField]:
        return [self[name] for name in self.PLAIN]

    @property
    def rare(self) -> list[forms.BoundField]:
        return [self[name] for name in self.RARE]

    @property
    def uses_rare(self) -> bool:
        return any(field.value() or field.errors for field in self.rare)

    def as_row(self) -> dict[str, Any]:
        said = {name: self.cleaned_data.get(name) for name in self.CONDITIONS}
        when = {camel(name): _on_wire(value) for name, value in said.items() if value}
        return {"name": self.cleaned_data["name"], "when": when, "url": self.cleaned_data["url"]}


class VariantForm(RowForm):
    name = forms.CharField(label="Name", max_length=60)
    url = forms.CharField(label="Leads to", widget=address_input("https://example.org/page"))
    weight = forms.IntegerField(label="Weight", min_value=1, max_value=10_000, initial=1)

    def as_row(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a button of the rows asks for: `rules:add`, `variants:up:2`."""

    kind: str
    verb: str
    place: int

    @classmethod
    def read(cls, text: str) -> "Deed | None":
        kind, _, rest = text.partition(":")
        verb, _, place = rest.partition(":")
        if kind not in {"rules", "variants"} or verb not in {"add", "up", "down", "remove"}:
            return None
        return cls(kind, verb, int(place) if place.isdecimal() and len(place) < 4 else 0)

    def done_to(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        changed = list(rows)
        if self.verb == "add":
            return [*changed, {}]
        if self.place >= len(changed):
            return changed
        moved = changed.pop(self.place)
        if self.verb != "remove":
            step = -1 if self.verb == "up" else 1
            changed.insert(max(0, self.place + step), moved)
        return changed


class Rows:
    """All rules, or all variants, of a link. `stored` is what the link has now; `data` what was
    sent. What was shown is sent along, so that rows that nobody touched are not written back over
    what somebody else has changed meanwhile."""

    FORMS: dict[str, tuple[type[RowForm], int]] = {
        "rules": (RuleForm, MAX_RULES),
        "variants": (VariantForm, MAX_VARIANTS),
    }

    def __init__(
        self, kind: str, stored: list[dict[str, Any]], data: QueryDict | None = None
    ) -> None:
        self.kind = kind
        self.errors: list[str] = []
        self._form, self._most = self.FORMS[kind]
        if data is None:
            self.forms = self._unbound([_initial(row) for row in stored])
            self.shown = json.dumps([_typed(form) for form in self.forms])
        else:
            self.forms = self._bound(data)
            self.shown = data.get(f"initial-{kind}", "")

    @property
    def empty(self) -> RowForm:
        """What the script copies for a new row."""
        return self._form(prefix=f"{self.kind}-__prefix__")

    def after(self, deed: Deed) -> None:
        """Show the rows as `deed` leaves them. Nothing is judged yet, so they are not bound."""
        typed = [{name: form[name].value() for name in form.fields} for form in self.forms]
        if deed.kind == self.kind:
            typed = deed.done_to(typed)
        self.forms = self._unbound(typed[: self._most])

    def is_valid(self) -> bool:
        valid = [form.is_valid() for form in self.forms]  # all of them, so that all errors are told
        return all(valid)

    def rows(self) -> list[dict[str, Any]]:
        return [form.as_row() for form in self._said]

    def changed(self) -> list[dict[str, Any]] | None:
        """The rows, where they are not those that were shown."""
        rows = self.rows()
        return None if rows == self._shown_rows() else rows

    def add_error(self, path: Sequence[str], message: str) -> None:
        """`path` is that of a refusal below this list: 0, when, os."""
        said = self._said
        if not path or not path[0].isdecimal() or int(path[0]) >= len(said):
            self.errors.append(message)
            return
        form, names = said[int(path[0])], [snake(part) for part in path[1:]]
        form.add_error(next((name for name in names if name in form.fields), None), message)

    @property
    def _said(self) -> list[RowForm]:
        return [form for form in self.forms if form.has_changed()]

    def _unbound(self, rows: list[dict[str, Any]]) -> list[RowForm]:
        return [
            self._form(prefix=f"{self.kind}-{place}", initial=row) for place, row in enumerate(rows)
        ]

    def _bound(self, data: QueryDict) -> list[RowForm]:
        asked = data.get(f"{self.kind}-total", "0")
        # One more than may be: so the service can say that it is too many.
        number = min(int(asked), self._most + 1) if asked.isdecimal() and len(asked) < 5 else 0
        return [
            self._form(data, prefix=f"{self.kind}-{place}", empty_permitted=True)
            for place in range(number)
        ]

    def _shown_rows(self) -> list[dict[str, Any]]:
        """What was shown, read as it would be had nobody touched it."""
        try:
            sent = [_as_sent(self.kind, typed) for typed in json.loads(self.shown)]
        except (ValueError, TypeError, AttributeError):
            return []
        forms_ = [self._form(data, prefix=self.kind) for data in sent]
        return [form.as_row() for form in forms_ if form.is_valid()]


def _typed(form: RowForm) -> dict[str, Any]:
    """What a browser would send of this row."""
    values = {name: form[name].value() for name in form.fields}
    return {name: _as_text(value) for name, value in values.items() if value is not None}


def _as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M}"
    return value if isinstance(value, list) else str(value)


def _as_sent(prefix: str, typed: dict[str, Any]) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, value in typed.items():
        data.setlist(f"{prefix}-{name}", value if isinstance(value, list) else [value])
    return data


def _initial(row: dict[str, Any]) -> dict[str, Any]:
    """A stored row as its form's initial values."""
    when = {snake(name): value for name, value in row.get("when", {}).items()}
    for name in ("starts_at", "ends_at"):
        if when.get(name):
            when[name] = datetime.fromisoformat(when[name])
    return {name: value for name, value in row.items() if name != "when"} | when


def _on_wire(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
