"""The Dockerfile, carried out without a Docker engine: each stage is a directory, each RUN happens
in it as its root. Debian's own Python stands in for the image's; all else is as the file says it.

Only what our file uses is understood; anything else is an error.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

# The headers are in the image as well.
BASE_PACKAGES = "python3,python3-venv,python3-pip,libpython3-dev,ca-certificates"
_SECONDS = 1200
# So that packages are found as they are found out here.
_HANDED_ON = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


@dataclass
class Stage:
    root: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0"
    said: dict[str, Any] = field(default_factory=dict)  # ENTRYPOINT, CMD, HEALTHCHECK, STOPSIGNAL

    def enter(self, command: list[str], *, sealed: bool = False, **mounts: Path) -> list[str]:
        """The command in its root: `sealed` as a container that can write nothing, as its USER;
        `mounts` are volumes by their place, `var_lib` for /var/lib."""
        how = [
            "bwrap",
            "--die-with-parent",
            "--unshare-pid",
            "--as-pid-1",
            "--proc",
            "/proc",
            "--clearenv",
        ]
        how[2:2] = ["--ro-bind" if sealed else "--bind", str(self.root), "/", "--dev", "/dev"]
        for memory in ("/tmp", "/dev/shm"):  # noqa: S108 - the container's own
            how += ["--perms", "1777", "--tmpfs", memory]
        how += ["--chdir", self.workdir]
        for place, directory in mounts.items():
            how += ["--bind", str(directory), f"/{place.replace('_', '/')}"]
        for name, value in self.env.items():
            how += ["--setenv", name, value]
        if sealed:
            how += ["setpriv", "--reuid", self.user, "--regid", self.user, "--clear-groups"]
            how += ["--no-new-privs", "--bounding-set=-all"]
        return [*how, *command]

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.enter(command, **options), capture_output=True, text=True, timeout=_SECONDS,
            check=False,
        )  # fmt: skip


def debian(root: Path) -> Path:
    """A root that only Debian's packages have filled, made once."""
    if not (root / "made").exists():
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", "bookworm", root],
            check=True, stdout=subprocess.DEVNULL, timeout=_SECONDS,
        )  # fmt: skip
        (root / "usr/bin/python").symlink_to("python3")
        (root / "made").touch()
    return root


def build(dockerfile: Path, context: Path, base: Path, into: Path) -> Stage:
    """The last stage."""
    stages: list[tuple[str, Stage]] = []
    for instruction, rest in instructions(dockerfile.read_text()):
        if instruction == "FROM":
            name = rest.partition(" AS ")[2] or str(len(stages))
            stages.append((name, _from(base, into / name)))
        else:
            _carry_out(instruction, rest, stages[-1][1], dict(stages), context)
    return stages[-1][1]


def instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    whole = "\n".join(lines).replace("\\\n", " ")
    for line in whole.splitlines():
        instruction, _, rest = line.partition(" ")
        yield instruction, re.sub(r"\s+", " ", rest).strip()


def _from(base: Path, root: Path) -> Stage:
    subprocess.run(["cp", "--archive", "--reflink=auto", base, root], check=True, timeout=_SECONDS)
    for file in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"):
        shutil.copy(file, root / file.lstrip("/"))
    given = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    return Stage(
        root, {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"} | given
    )


def _carry_out(
    instruction: str, rest: str, stage: Stage, stages: dict[str, Stage], context: Path
) -> None:
    match instruction:
        case "RUN":
            done = replace(stage, user="0").run(["/bin/sh", "-c", rest])
            assert done.returncode == 0, f"RUN {rest}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        case "ENV":
            for part in shlex.split(rest):
                name, _, value = part.partition("=")
                stage.env[name] = value.replace("$PATH", stage.env["PATH"])
        case "WORKDIR":
            stage.workdir = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "COPY":
            _copy(shlex.split(rest), stage, stages, context)
        case "USER":
            stage.user = rest
        case "ENTRYPOINT" | "CMD":
            stage.said[instruction] = json.loads(rest)
        case "HEALTHCHECK":
            stage.said[instruction] = json.loads(rest.partition(" CMD ")[2])
        case "STOPSIGNAL" | "EXPOSE":
            stage.said[instruction] = rest
        case _:
            raise AssertionError(f"{instruction} is not understood")


def _copy(parts: list[str], stage: Stage, stages: dict[str, Stage], context: Path) -> None:
    *sources, target = parts
    into = stage.root / str(Path(stage.workdir) / target).lstrip("/")
    if sources[0].startswith("--from="):
        come_from, sources = stages[sources[0].removeprefix("--from=")].root, sources[1:]
    else:
        come_from = sent(context, stage.root.parent / "context")
    for source in sources:
        found = come_from / source.lstrip("/")
        copied = f"{found}/." if found.is_dir() else str(found)
        subprocess.run(["cp", "--archive", copied, into], check=True, timeout=_SECONDS)


def sent(context: Path, into: Path) -> Path:
    """What .dockerignore lets through of the repository; of root, as the engine hands it on."""
    if into.exists():
        return into
    rules = (context / ".dockerignore").read_text().split()
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=context, text=True, timeout=60)
    for name in filter(None, listed.split("\0")):
        if _is_let_through(name, rules):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(context / name, into / name)
    return into


def _is_let_through(name: str, rules: list[str]) -> bool:
    """The last rule that fits decides."""
    kept = True
    for rule in rules:
        pattern = rule.removeprefix("!").removeprefix("**/")
        if fnmatch(name, pattern) or name.startswith(f"{pattern}/"):
            kept = rule.startswith("!")
    return kept
