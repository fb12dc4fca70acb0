"""Each line comes out once, on stderr, as JSON or as something to read."""

import json
import subprocess
import sys
from typing import Any

import pytest

SETUP = """
import logging, structlog, sys
from monitoring import logs
from monitoring.trace import bound
logs.configure(level="INFO", style={style!r})
"""


def run(code: str, style: str = "json") -> tuple[str, str]:
    """(stdout, stderr) of a fresh process: logging is configured once in each."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP.format(style=style) + code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout, done.stderr


def lines(code: str) -> list[dict[str, Any]]:
    out, err = run(code)
    assert out == ""
    return [json.loads(text) for text in err.splitlines()]


def test_a_line_of_structlog_is_json_with_level_name_and_time() -> None:
    (line,) = lines("structlog.get_logger('a.b').info('said', amount=3)")
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "said", "amount": 3, "level": "info", "logger": "a.b"}


def test_a_line_of_the_standard_library_has_the_same_form() -> None:
    (line,) = lines("logging.getLogger('a.b').warning('said %s', 3)")
    assert (line["event"], line["level"], line["logger"]) == ("said 3", "warning", "a.b")


def test_both_carry_the_correlation_id() -> None:
    found = lines(
        "with bound('an-id-of-ours'):\n"
        "    structlog.get_logger().info('one')\n"
        "    logging.getLogger('x').info('two')\n"
    )
    assert [line["correlation_id"] for line in found] == ["an-id-of-ours"] * 2


def test_below_the_level_nothing_comes_out() -> None:
    assert lines("structlog.get_logger().debug('a'); logging.getLogger('b').debug('c')") == []


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_has_neither_local_variables_nor_secrets(style: str) -> None:
    code = (
        "def fail():\n"
        "    local = 'a-local-value' * 2\n"
        "    raise ValueError('password=hunter2hunter2 from 203.0.113.9')\n"
        "for log in (structlog.get_logger(), logging.getLogger('x')):\n"
        "    try: fail()\n"
        "    except ValueError: log.exception('failed')\n"
    )
    _, err = run(code, style)
    assert err.count("Traceback (most recent call last)") == 2
    assert "a-local-valuea-local-value" not in err
    assert "hunter2" not in err
    assert "203.0.113.9" not in err


def test_a_secret_in_arguments_is_hidden_in_both() -> None:
    found = lines(
        "structlog.get_logger().info('said %s', 'rp_abcdefgh_supersecretvalue', token='abc')\n"
        "logging.getLogger('x').info('said %s', 'rp_abcdefgh_supersecretvalue')\n"
    )
    assert found[0]["token"] == "[redacted]"
    assert {line["event"] for line in found} == {"said rp_abcdefgh_[redacted]"}


def test_servers_that_bring_handlers_of_their_own_speak_once() -> None:
    """gunicorn has set its own up before it loads the application; celery would do it after."""
    found = lines(
        "for name in ('gunicorn.error', 'gunicorn.access', 'celery', 'django.server'):\n"
        "    logger = logging.getLogger(name)\n"
        "    logger.addHandler(logging.StreamHandler()); logger.propagate = False\n"
        "logs.configure(level='INFO', style='json')\n"
        "for name in ('gunicorn.error', 'gunicorn.access', 'celery', 'django.server'):\n"
        "    logging.getLogger(name).info('from %s', name)\n"
    )
    assert [line["logger"] for line in found] == [
        "gunicorn.error", "gunicorn.access", "celery", "django.server",
    ]  # fmt: skip


def test_a_celery_worker_leaves_our_configuration_alone() -> None:
    code = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django; django.setup()
from config.celery import app
before = logging.getLogger().handlers[:]
before_level = logging.getLogger().level
app.log.setup(loglevel="DEBUG", redirect_stdouts=False)
assert logging.getLogger().handlers == before
assert logging.getLogger().level == before_level
logging.getLogger("celery.worker").warning("once")
"""
    _, err = run(code)
    assert err.count("once") == 1


def test_the_access_and_error_log_of_gunicorn_can_be_given_our_form() -> None:
    """Its master reads no settings: `logconfig_dict` is all that it sees."""
    code = """
from gunicorn.config import Config
from gunicorn.glogging import Logger
config = Config()
config.set("logconfig_dict", logs.dict_config(level="INFO", style="json"))
logger = Logger(config)
logger.error("from the master")
"""
    (line,) = lines(code)
    assert (line["event"], line["logger"]) == ("from the master", "gunicorn.error")


def test_of_djangos_lines_on_requests_only_those_with_a_traceback_are_kept() -> None:
    (line,) = lines(
        "log = logging.getLogger('django.request')\n"
        "log.warning('Not Found: /a'); log.error('Service Unavailable: /b')\n"
        "try: 1/0\n"
        "except ZeroDivisionError: log.error('Internal Server Error: /c', exc_info=True)\n"
    )
    assert "ZeroDivisionError" in line["exception"]
