"""Addresses over HTTP."""

from django.urls import include, path

from chat.web.health import healthz, readyz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("", include("chat.web.page_urls")),
]
