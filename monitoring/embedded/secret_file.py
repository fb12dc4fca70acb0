"""Generated passwords: one a file, readable by its owner only."""

import os
from pathlib import Path


def write_secret(path: Path, secret: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def read_secret(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
