"""What operators see and change of links: Django finds the registrations by importing this."""

from links.admin import campaigns, clicks, links

__all__ = ["campaigns", "clicks", "links"]
