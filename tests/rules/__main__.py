"""All rules over the whole repository: a part of `make lint`."""

import sys

from tests.rules import code, pages, secrets
from tests.rules.source import Finding, Rule, found_in, is_product, sources, tracked


def findings() -> list[Finding]:
    paths = tracked()
    return [
        *secrets.looked_for(paths),
        *_of(_python(paths), code.RULES),
        *_of([path for path in paths if _is_template(path)], pages.TEMPLATE_RULES),
        *_of([path for path in paths if _is_script(path)], pages.SCRIPT_RULES),
    ]


def _of(paths: list[str], rules: dict[str, Rule]) -> list[Finding]:
    return [finding for source in sources(paths) for finding in found_in(source, rules)]


def _python(paths: list[str]) -> list[str]:
    return [path for path in paths if path.endswith(".py") and is_product(path)]


def _is_template(path: str) -> bool:
    return path.endswith(".html") and (path.startswith("templates/") or is_product(path))


def _is_script(path: str) -> bool:
    return (
        path.endswith(".js")
        and "/vendor/" not in path
        and (path.startswith("templates/") or is_product(path))
    )


if __name__ == "__main__":
    sys.exit("\n".join(map(str, findings())) or None)
