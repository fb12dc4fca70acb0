"""Documents as YAML, of which JSON is a part: how people write them, and how two are compared."""

import difflib
import json
from typing import Any

import yaml


def parse(text: str) -> Any:
    """What JSON could say. ValueError with a sentence for anything else."""
    try:
        content = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a subclass of the safe one
        plain = json.dumps(content, allow_nan=False, ensure_ascii=False)
        plain.encode()  # a half of a surrogate pair is no text
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"This is no YAML: {error}") from None
    if r"\u0000" in plain:
        raise ValueError("A text has no NUL in it.")
    return json.loads(plain)


def dump(content: Any) -> str:
    dumped: str = yaml.dump(
        content, Dumper=_ReadableDumper, sort_keys=False, allow_unicode=True, width=100
    )
    return dumped


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Lines as `diff -u` writes them; none when both are the same."""
    old, new = (dump(document).splitlines() if document else [] for document in (before, after))
    return list(difflib.unified_diff(old, new, "now", "then", lineterm="", n=1))


class _PlainLoader(yaml.SafeLoader):
    """Times stay texts, as they are in JSON; aliases, which can blow up a file, are refused."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _ReadableDumper(yaml.SafeDumper):
    """Texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_ReadableDumper.add_representer(str, _text)
