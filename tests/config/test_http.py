"""gunicorn's HTTP as it is used here."""

import asyncio
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from gunicorn.config import Config

from config import http


async def test_requests_are_read_by_the_parser_in_c() -> None:
    c_parser = pytest.importorskip("gunicorn_h1c").H1CProtocol
    worker = SimpleNamespace(
        cfg=Config(), log=MagicMock(), asgi=None, nr_conns=0, loop=asyncio.get_running_loop()
    )
    http.install()
    protocol = http.Protocol(worker)

    protocol.connection_made(MagicMock(get_extra_info={"peername": ("127.0.0.1", 5555)}.get))

    assert isinstance(protocol._callback_parser, c_parser)
    protocol.connection_lost(None)
