"""Python with Django loaded, so that what runs on it begins in milliseconds and not in seconds.

`WarmPython(environment).run("manage.py", "reconcile")` is `python manage.py reconcile`, and
`run("-m", "benchmarks.inside", ...)` is `python -m benchmarks.inside ...`: each in a fork of one
process that has imported everything, so with connections and caches of its own, and an end of its
own. Tests and benchmarks call hundreds.
"""

import gc
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from benchmarks import PROJECT


class WarmPython:
    """Starts with the first `run`, and is to be closed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def run(
        self,
        *arguments: str,
        core: int | None = None,
        capture_errors: bool = False,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """What came of it; subprocess.TimeoutExpired when it took longer than `timeout` seconds,
        and then it has been killed."""
        with tempfile.TemporaryDirectory(prefix="warm-") as made:
            out, err = Path(made) / "out", Path(made) / "err"
            work = {
                "arguments": arguments,
                "core": core,
                "stdout": str(out),
                "stderr": str(err) if capture_errors else None,
            }
            code = self._ask(work, timeout)
            said = err.read_text() if capture_errors else None
            return subprocess.CompletedProcess(arguments, code, out.read_text(), said)

    def _ask(self, work: dict[str, Any], timeout: float | None) -> int:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.warm"],
                cwd=PROJECT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(work), file=self._process.stdin, flush=True)
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            self.close()
            raise subprocess.TimeoutExpired(work["arguments"], timeout or 0)
        return int(self._process.stdout.readline() or self._process.wait())

    def close(self) -> None:
        """With whatever still runs on it."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


def _work(arguments: list[str], core: int | None, stdout: str, stderr: str | None) -> NoReturn:
    """As a new process would; for a fork."""
    code: Any = 1
    try:
        _redirect(0, os.devnull, os.O_RDONLY)
        _redirect(1, stdout, os.O_WRONLY | os.O_CREAT)
        if stderr:
            _redirect(2, stderr, os.O_WRONLY | os.O_CREAT)
        if core is not None:
            os.sched_setaffinity(0, {core})
        code = _run(arguments)
    except BaseException:  # noqa: BLE001 - the fork must not go on in its parent's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(arguments: list[str]) -> int:
    is_module = arguments[0] == "-m"
    sys.argv = arguments[1:] if is_module else arguments
    try:
        if is_module:
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as left:
        if isinstance(left.code, str):
            print(left.code, file=sys.stderr)
            return 1
        return left.code or 0
    return 0


def _redirect(number: int, path: str, flags: int) -> None:
    opened = os.open(path, flags, 0o600)
    os.dup2(opened, number)
    os.close(opened)


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    import config.urls  # noqa: F401 - what most commands load next

    gc.freeze()
    for line in sys.stdin:
        work = json.loads(line)
        if not (pid := os.fork()):
            _work(**work)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
