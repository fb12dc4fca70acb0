"""What a browser would send of a page's form, had nobody touched it."""

from html.parser import HTMLParser

from django.http import HttpResponse

_NOT_SENT = {"submit", "button", "reset", "checkbox"}


def untouched(page: HttpResponse, *, form_class: str = "", form_id: str = "") -> dict[str, str]:
    """The values of the form with this class or id."""
    reader = _Reader(form_class, form_id)
    reader.feed(page.content.decode())
    return reader.values


class _Reader(HTMLParser):
    def __init__(self, form_class: str, form_id: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._wanted = (form_class, form_id)
        self._inside = False
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            names = (given.get("class", ""), given.get("id", ""))
            self._inside = any(
                w and w in n.split() for w, n in zip(self._wanted, names, strict=True)
            )
        elif self._inside:
            self._read(tag, given.get("name", ""), given)

    def _read(self, tag: str, name: str, given: dict[str, str]) -> None:
        if tag == "select":
            self._select = name
        elif tag == "option" and ("selected" in given or self._select not in self.values):
            self.values[self._select] = given.get("value", "")
        elif tag == "textarea":
            self._textarea, self.values[name] = name, ""
        elif tag == "input" and name and given.get("type") not in _NOT_SENT:
            self.values[name] = given.get("value", "")
        elif tag == "input" and name and "checked" in given:
            self.values[name] = given.get("value", "on")

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.values[self._textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            # The first line break after the tag is not part of the value.
            self.values[self._textarea] = self.values[self._textarea].removeprefix("\n")
            self._textarea = ""
