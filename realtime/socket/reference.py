"""The AsyncAPI document as people read it: event by event, with its fields and an example."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from realtime.socket.asyncapi import document

_Schema = Mapping[str, Any]

# What a field of this name holds, in examples. Every other is made of its form.
_SAMPLES: dict[str, Any] = {
    "room": "lobby", "seq": 42, "after": 41, "before": 42, "limit": 50, "body": "Hello",
    "username": "ada", "token": "eyJhbGciOi...", "clientId": "c-7", "present": 3, "level": 4,
    "questNumber": 7, "title": "Say hello", "stepId": "talk", "stepTitle": "Talk in the lobby",
    "seen": 2, "needed": 5, "left": 12, "total": 100, "word": "4711", "xpEarned": 10,
    "totalXP": 130, "inMs": 60_000, "reconnectAfterMs": 1_800, "heartbeatMs": 25_000,
    "note": "back at five", "reason": "kicked", "code": "not_a_member", "next": None,
    "detail": "You are not in this room.",
}  # fmt: skip
_ID = "0d6ce7a4-3a8b-4f0c-8f0e-5f8b9f6f7a01"
_TIME = "2031-05-01T09:30:00.000Z"


class Field(NamedTuple):
    """`name` is a path, such as `presence.people[].note`."""

    name: str
    form: str
    is_required: bool
    about: str


class Event(NamedTuple):
    name: str
    about: str
    fields: list[Field]
    example: str

    @property
    def anchor(self) -> str:
        return self.name.replace(":", "-")


class Reference(NamedTuple):
    """`heard` are what clients say, `said` what the server does."""

    description: str
    heard: list[Event]
    said: list[Event]


@lru_cache(maxsize=1)
def reference(version: str) -> Reference:
    found = json.loads(document(version))
    schemas, messages = (found["components"][part] for part in ("schemas", "messages"))
    events: dict[str, list[Event]] = {"receive": [], "send": []}
    for name, operation in found["operations"].items():
        message = messages[_last(operation["messages"][0]["$ref"])]
        schema = schemas[_last(message["payload"]["$ref"])]
        events[operation["action"]].append(_event(name, message, schema, schemas))
    return Reference(found["info"]["description"], events["receive"], events["send"])


def _event(name: str, message: _Schema, schema: _Schema, schemas: _Schema) -> Event:
    parts = schema["properties"]
    data = _resolved(parts.get("data", {}), schemas)
    frame = {"event": name}
    if "ref" in parts:
        frame["ref"] = "7"
    if "data" in parts:
        frame["data"] = _sample("data", data, schemas)
    about = " ".join(filter(None, (message.get("summary"), data.get("description"))))
    example = json.dumps(frame, indent=2, ensure_ascii=False)
    return Event(name, about, _fields(data, schemas), example)


def _fields(schema: _Schema, schemas: _Schema, prefix: str = "") -> list[Field]:
    """Those of objects within, under their paths, follow the object."""
    required, found = set(schema.get("required", ())), list[Field]()
    for name, part in schema.get("properties", {}).items():
        form, inner = _form(part, schemas)
        about = inner.get("description", "") if inner else ""
        found.append(Field(prefix + name, form, name in required, about))
        if inner:
            below = "[]." if form.startswith("list") else "."
            found += _fields(inner, schemas, f"{prefix}{name}{below}")
    return found


def _form(part: _Schema, schemas: _Schema) -> tuple[str, _Schema | None]:
    """In words, and the schema of the object that it is or holds."""
    if "anyOf" in part:
        known = [_form(one, schemas) for one in part["anyOf"]]
        return " or ".join(form for form, _ in known), next((i for _, i in known if i), None)
    part = _resolved(part, schemas)
    if "enum" in part:
        return " or ".join(json.dumps(value) for value in part["enum"]), None
    if part.get("type") == "array":
        form, inner = _form(part["items"], schemas)
        return f"list of {form}s", inner
    if part.get("type") == "object":
        return "object", part if "properties" in part else None
    return f"{_word(part)}{_bounds(part)}", None


def _word(part: _Schema) -> str:
    if part.get("pattern", "").startswith(r"^\d{4}-"):
        return "time"
    form: str = part["type"]
    return {"boolean": "true or false", "integer": "whole number"}.get(form, form)


def _bounds(part: _Schema) -> str:
    if "maxLength" in part:
        return f", up to {part['maxLength']:,} characters"
    if "minimum" in part and part.get("maximum", 2**53) < 2**53:
        return f", {part['minimum']} to {part['maximum']}"
    return ""


def _sample(name: str, part: _Schema, schemas: _Schema) -> Any:
    if "anyOf" in part:
        part = next(one for one in part["anyOf"] if one.get("type") != "null")
    part = _resolved(part, schemas)
    if part.get("type") == "object":
        required = set(part.get("required", ()))
        members = part.get("properties", {})
        return {key: _sample(key, of, schemas) for key, of in members.items() if key in required}
    if part.get("type") == "array":
        return [_sample(name, part["items"], schemas)]
    if name in _SAMPLES:
        return _SAMPLES[name]
    if "enum" in part:
        return part["enum"][0]
    if _word(part) == "time":
        return _TIME
    return {"boolean": False, "integer": 1, "string": _ID}.get(part["type"])


def _resolved(part: _Schema, schemas: _Schema) -> _Schema:
    found: _Schema = schemas[_last(part["$ref"])] if "$ref" in part else part
    return found


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]
