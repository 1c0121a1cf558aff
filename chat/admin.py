"""Where Django looks for the admin. Its pages are in `chat.review`."""

from chat.review import admin

__all__ = ["admin"]
