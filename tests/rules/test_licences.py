"""What an instance consists of may be passed on with it: every package of requirements.lock has a
licence of this list. And the list of its parts (`make sbom`) has each of them."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.rules.source import ROOT

# As packages write them. The LGPL asks for nothing of who imports a library as it is.
ALLOWED = {
    "0BSD", "Apache Software License", "Apache-2.0", "BSD", "BSD 3-Clause", "BSD License",
    "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-3.0-only", "LGPLv3", "MIT", "MIT License", "MIT-0",
    "MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)", "PSF-2.0", "Public Domain",
    "Python Software Foundation License", "TCL", "ZPL-2.1",
}  # fmt: skip
# Of these the metadata say nothing; their licence files do.
READ_BY_US = {"crawler-user-agents": "MIT", "pyrage": "MIT"}


def named(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


@cache
def locked() -> set[str]:
    text = (ROOT / "requirements.lock").read_text()
    return {named(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


@cache
def licences() -> dict[str, str]:
    command = [program("pip-licenses"), "--format=json", "--with-system"]
    found: list[dict[str, str]] = json.loads(run(*command, f"--python={sys.executable}"))
    return {named(one["Name"]): one["License"] for one in found}


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def run(*command: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def is_allowed(licence: str) -> bool:
    """All of "A; B" and "A AND B", one of "A OR B"."""
    needed = re.split(r";| AND ", licence)
    return all(any(one.strip(" ()") in ALLOWED for one in part.split(" OR ")) for part in needed)


def test_only_what_is_free_enough_is_installed_with_an_instance() -> None:
    here = {name: licences()[name] for name in locked() & licences().keys()}
    assert len(here) > 90
    unknown = {name for name, licence in here.items() if licence == "UNKNOWN"}
    assert unknown == READ_BY_US.keys() & here.keys()
    assert not {name: one for name, one in (here | READ_BY_US).items() if not is_allowed(one)}


def test_other_licences_would_be_noticed() -> None:
    assert is_allowed("MIT OR GPL-3.0-only")
    for licence in (
        "GPL-3.0-only",
        "AGPL-3.0",
        "MIT AND GPL-2.0-only",
        "UNKNOWN",
        "MIT; Other",
        "",
    ):
        assert not is_allowed(licence)


def test_the_list_of_parts_has_every_package_with_its_version_and_hashes(tmp_path: Path) -> None:
    target = tmp_path / "sbom.json"
    run("make", "--no-print-directory", "parts", f"SBOM={target}", f"PYTHON={sys.executable}")
    document: dict[str, Any] = json.loads(target.read_text())
    parts = {named(part["name"]): part for part in document["components"]}
    assert (document["bomFormat"], document["metadata"]["component"]["name"]) == (
        "CycloneDX", "rallypoint",
    )  # fmt: skip
    assert parts.keys() == locked()
    for part in parts.values():
        assert part["version"]
        assert part["purl"].startswith("pkg:pypi/")
        assert any(reference.get("hashes") for reference in part["externalReferences"])
