"""Structured logs: one JSON object a line in production, readable lines in development.

Both structlog and the standard library end in the same handler, on stderr, exactly once, so that
a command's own output on stdout stays clean. The settings call `configure` while they are being
read, therefore nothing here may ask for them.
"""

import logging
import logging.config
from typing import Any, Final

import structlog
from structlog.dev import plain_traceback
from structlog.types import EventDict, Processor, WrappedLogger

from monitoring.redaction import redact_entry
from monitoring.trace import correlation_id

# Libraries that say at INFO or WARNING what our own lines already say.
_QUIET: Final = {
    "django.security.DisallowedHost": "CRITICAL",
    "django.channels.server": "ERROR",  # its warnings, of 404s, carry addresses
    "daphne": "WARNING",
    "channels_redis": "CRITICAL",  # a traceback a second while Redis is away; the hub says it once
    "psycopg.pool": "ERROR",  # one line for each attempt; the pool itself says away and back
    "asyncio": "WARNING",
    "axes": "WARNING",  # two lines for each wrong password
    "parso": "WARNING",
}
# These bring handlers of their own; emptied, they speak through the root logger like the rest.
_REROUTED: Final = ("gunicorn.error", "gunicorn.access", "celery", "django", "django.server")
# Written by the processors here: nothing of a caller's is in them.
_OWN: Final = frozenset({"timestamp", "level", "logger"})


def configure(*, level: str, style: str) -> None:
    logging.config.dictConfig(dict_config(level=level, style=style))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def dict_config(*, level: str, style: str) -> dict[str, Any]:
    """For `logging.config`, and for gunicorn's `logconfig_dict`, whose master reads no settings."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"uncaught": {"()": Uncaught}},
        "formatters": {
            "rallypoint": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared(),
                "processors": _final(style),
            },
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "rallypoint"},
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            **{name: {"handlers": [], "propagate": True} for name in _REROUTED},
            **{name: {"level": quiet} for name, quiet in _QUIET.items()},
            "django.request": {"filters": ["uncaught"]},
        },
    }


class Uncaught(logging.Filter):
    """Of Django's lines on requests, those with a traceback: the request line has the rest."""

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        add_correlation_id,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _final(style: str) -> list[Processor]:
    """Both renderers are given the traceback as text: structlog's default for it, once `rich` is
    installed, renders every local variable, and has taken minutes and gigabytes for one error."""
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=plain_traceback)
        if style == "console"
        else structlog.processors.JSONRenderer()
    )
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact_event,
        renderer,
    ]


def add_correlation_id(_: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
    if value := correlation_id():
        event_dict.setdefault("correlation_id", value)
    return event_dict


def redact_event(_: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
    """The last thing that happens to a line before it becomes text."""
    return {
        name: value if name in _OWN else redact_entry(name, value)
        for name, value in event_dict.items()
    }
