"""The demo's operator and links: `story` says what they are, `loading` makes and removes them."""

from links.demo.loading import USERNAME, clear, is_loaded, load, open_addresses

__all__ = ["USERNAME", "clear", "is_loaded", "load", "open_addresses"]
