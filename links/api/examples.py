"""Examples of the OpenAPI document: each of them works as it stands."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

LINKS = [
    OpenApiExample("A link", value={"url": "https://example.com/"}, request_only=True),
    OpenApiExample(
        "A campaign's link",
        value={
            "url": "https://example.com/summer",
            "slug": "summer",
            "title": "Summer",
            "tags": ["newsletter"],
            "utm": {"utm_source": "newsletter"},
            "rules": [
                {"name": "iPhone", "when": {"os": ["iOS"]}, "url": "https://example.com/ios"}
            ],
        },
        request_only=True,
    ),
]
BULK = [
    OpenApiExample(
        "Two links",
        value={
            "mode": "each",
            "links": [{"url": "https://example.com/1"}, {"url": "https://example.com/2"}],
        },
        request_only=True,
    )
]
BULK_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["created", "failed", "results"],
    "properties": {
        "created": {"type": "integer"},
        "failed": {"type": "integer"},
        "results": {"type": "array", "items": {"type": "object"}},
    },
}
