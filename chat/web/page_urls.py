"""Addresses of the pages."""

from django.urls import path

from chat.web import pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("c/<slug:conversation_id>/", pages.conversation, name="conversation"),
    path("conversations", pages.conversations, name="conversations"),
    path("conversations/<slug:conversation_id>/rename", pages.rename, name="rename_conversation"),
    path("conversations/<slug:conversation_id>/delete", pages.delete, name="delete_conversation"),
]
