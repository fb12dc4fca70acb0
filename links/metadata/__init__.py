"""What a link's target says about itself: title, description and icon.

Targets are chosen by strangers, so this is the one place where strangers choose what this server
connects to. Every rule about that is in this package: which addresses (`reach`), how the address
that was checked is the one that is connected to (`connector`), and how much and how long
(`fetching`, `exchange`).
"""

from links.metadata.connector import Connector
from links.metadata.errors import MetadataError
from links.metadata.fetching import fetch_metadata
from links.metadata.page import Metadata

__all__ = ["Connector", "Metadata", "MetadataError", "fetch_metadata"]
