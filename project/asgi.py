"""The ASGI application: Django for HTTP, Channels for WebSocket. It knows no server."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
# Sets Django up: what imports models comes after.
http = get_asgi_application()

from chat.web.routing import websocket_urlpatterns  # noqa: E402
from project.static_files import StaticFiles  # noqa: E402

application = ProtocolTypeRouter(
    {"http": StaticFiles(http), "websocket": URLRouter(websocket_urlpatterns)}
)
