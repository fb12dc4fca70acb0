"""What a link's target says about itself: title, description and icon.

Targets are chosen by strangers: every connection to one goes through `monitoring.outbound`. Which
redirects are followed, and what of an answer is read, is decided here (`fetching`).
"""

from links.metadata.errors import MetadataError
from links.metadata.fetching import fetch_metadata
from links.metadata.page import Metadata

__all__ = ["Metadata", "MetadataError", "fetch_metadata"]
