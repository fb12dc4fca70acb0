"""The product's own ASGI application, or a build of it that is broken on purpose."""

from config.asgi import application
from tests.chaos.campaign.mutations import mutate

__all__ = ["application"]

mutate("web")
