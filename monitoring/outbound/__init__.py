"""Connections to where strangers say: to public addresses only, with an end to patience and
appetite.

Strangers choose the targets of links and of webhooks, and so what this server connects to. Every
rule about that is in this package: which addresses (`reach`), how the address that was checked is
the one that is connected to (`connector`), how much and how long (`exchange`, `errors`). It
follows no redirects: whoever does sends each hop through here again.
"""

from monitoring.outbound.connector import Connector
from monitoring.outbound.errors import Deadline, OutboundError
from monitoring.outbound.request import Request, ask

__all__ = ["Connector", "Deadline", "OutboundError", "Request", "ask"]
