"""The options of `manage.py up`, and of the supervisor that it becomes."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine only")
    parser.add_argument("--no-demo", action="store_true", help="start without the demo's data")


def from_options(options: Mapping[str, Any]) -> list[str]:
    """Parsed options as arguments again."""
    chosen = ["--port", str(options["port"]), "--host", options["host"]]
    return [*chosen, "--no-demo"] if options["no_demo"] else chosen
