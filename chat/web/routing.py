"""Addresses over WebSocket."""

from django.urls import re_path

from chat.web.consumers import ResponsesConsumer

websocket_urlpatterns = [re_path(r"^v1/responses/?$", ResponsesConsumer.as_asgi())]
