"""Addresses inside the admin. No address is ever made of stored text, only of ids."""

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from chat.review.plain import one_line


def transcript(conversation_id: str, response_id: str | None = None) -> str:
    """The transcript of a conversation, opened at a response where one is named."""
    path = reverse("admin:chat_conversation_change", args=[quote(conversation_id)])
    if response_id is None:
        return path
    return f"{path}?{urlencode({'through': response_id})}#{response_id}"


def item(conversation_id: str, item_id: str) -> str:
    """One item of a conversation, whole."""
    return reverse("admin:chat_conversation_item", args=[quote(conversation_id), quote(item_id)])


def conversations_of(user_id: int) -> str:
    query = urlencode({"owner__id__exact": user_id})
    return f"{reverse('admin:chat_conversation_changelist')}?{query}"


def link(path: str, text: str) -> SafeString:
    """A link of the admin's own, whatever its text says."""
    return format_html('<a href="{}"><bdi>{}</bdi></a>', path, one_line(text))
