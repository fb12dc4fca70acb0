"""Django as the product configures it, with everything of ours around the views left out: no ASGI
layer, no middleware, no throttle. The same pool of threads, the same URLs and views, the same
third-party middlewares: what that does not cost is what our layers do."""

import os

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_OURS = ("monitoring.", "accounts.")
settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith(_OURS)]
settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_CLASSES": []}

application = WSGIMiddleware(get_wsgi_application(), workers=settings.WEB_THREADS)
