"""gunicorn's configuration: `gunicorn -c config/gunicorn.py config.asgi:application`."""

import gc
import multiprocessing
import os
from pathlib import Path
from typing import Any

from config import env
from config.worker import end_on_signals, expect_successors, limit_memory
from monitoring import metrics_files

PROJECT = Path(__file__).resolve().parents[1]

# As in manage.py: workers begin a tenth sooner. When they serve, they set their own.
gc.set_threshold(50_000, 20, 50)
# Read by the settings, in every worker that is forked from here.
os.environ["RALLYPOINT_ROLE"] = "web"
os.environ.setdefault("WEB_CONCURRENCY", str(multiprocessing.cpu_count()))

bind = os.environ.get("BIND", "127.0.0.1:8000")
worker_class = "config.worker.Worker"
workers = int(os.environ["WEB_CONCURRENCY"])
limit_memory(env.integer("WORKER_MAX_MEMORY_MB", 1024, at_least=0))
worker_connections = 10_000
backlog = 2048
# A target has up to 8,192 characters, and `/slug?forwarded=query` may carry one along.
limit_request_line = 8190
# Also the longest that an idle connection holds up a reload. A proxy in front keeps its idle ones
# for less, so that it is never the one to be surprised.
keepalive = 5
# Twice what the socket allows: a frame that is a little too big is told so with its own code, a
# huge one is refused (1009) before it is read.
websocket_max_message_size = 128 * 1024
timeout = 60
graceful_timeout = 30
http_parser = "auto"  # the C parser where it could be built
# One line a request is written by the application itself, with its correlation id.
accesslog = None
errorlog = "-"
loglevel = "warning"
# Behind a proxy the client's address is read from its headers by the application, which believes
# only TRUSTED_PROXIES; gunicorn must not rewrite anything before that.
forwarded_allow_ips = ""
# Temporary files of the heartbeat belong in memory.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - a mount point


def on_starting(server: Any) -> None:  # noqa: ARG001 - gunicorn's hook
    """Once, before the first worker; a reload keeps the counters."""
    var = Path(os.environ.get("VAR_DIR") or PROJECT / "var")
    metrics_files.prepare(metrics_files.place_for(var))


def on_exit(server: Any) -> None:  # noqa: ARG001 - gunicorn's hook
    metrics_files.remove()


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's hook
    metrics_files.forget(worker.pid)


def post_fork(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's hook
    """Until a worker sets handlers of its own it has the arbiter's, which swallow a signal."""
    end_on_signals()


def on_reload(server: Any) -> None:
    expect_successors(server.num_workers)
