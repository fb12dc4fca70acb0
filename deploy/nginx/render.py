#!/usr/bin/env python3
"""Fill in nginx' templates from the environment, where no container does it:

    WEB=127.0.0.1:8000 RESOLVER=127.0.0.53 SITE=http HTTP_PORT=80 HTTPS_PORT=443 SCHEME=http \
        TLS_DIR=/etc/letsencrypt/live/rally python3 deploy/nginx/render.py /etc/nginx/rallypoint

A variable that is missing is an error. Needs nothing but Python's standard library.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

TEMPLATES = Path(__file__).parent
# nginx' own variables, such as $host, have neither braces nor capitals.
_VARIABLE = re.compile(r"\$\{([A-Z_]+)\}")


def render(into: Path, values: Mapping[str, str]) -> None:
    """KeyError names what is missing; nothing is written then."""
    rendered = {
        template.stem: _VARIABLE.sub(lambda found: values[found[1]], template.read_text())
        for template in TEMPLATES.glob("*.template")
    }
    into.mkdir(parents=True, exist_ok=True)
    for name, text in rendered.items():
        (into / name).write_text(text)


if __name__ == "__main__":
    try:
        render(Path(sys.argv[1]), os.environ)
    except IndexError:
        sys.exit(f"usage: {sys.argv[0]} DIRECTORY")
    except KeyError as missing:
        sys.exit(f"error: {missing} is not set; {TEMPLATES / 'nginx.conf.template'} explains it.")
