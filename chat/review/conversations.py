"""Conversations in the admin: found in a list, read as a transcript, deleted, never edited."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected as ask_and_delete
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.http import urlencode

from chat.models import Conversation, Item, Response, User
from chat.review import erasing, links, search, transcript
from chat.review.conversation_list import ConversationColumns, ConversationList
from chat.review.filters import (
    ConversationModelFilter,
    ConversationRatingFilter,
    ConversationStatusFilter,
)
from chat.review.lists import staff
from chat.review.plain import one_line, pretty
from chat.review.said import said_of

MAX_DELETED = 500


class ConversationAdmin(ConversationColumns):
    """Read-only but for deletion, which goes through the service."""

    list_filter = (
        ConversationStatusFilter,
        ConversationRatingFilter,
        ConversationModelFilter,
        "origin",
    )
    date_hierarchy = "updated_at"
    ordering = ("-updated_at",)
    search_fields = ("id",)
    search_help_text = search.HELP
    actions = ("delete_selected",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return staff(request).has_perm("chat.delete_conversation")

    # --- finding

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ConversationList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if request.method == "GET":
            self._hint_at_user(request, search_term.strip())
        found, warning = search.search(queryset, search_term)
        if warning:
            messages.warning(request, warning)
        return found, False

    def _hint_at_user(self, request: HttpRequest, asked: str) -> None:
        """Somebody who types a bare name may well mean the person."""
        user = User.objects.filter(username=asked).first() if asked else None
        if user is not None:
            shown = links.link(links.conversations_of(user.pk), user.username)
            messages.info(request, format_html("Or did you mean everything of user {}?", shown))

    # --- reading

    def get_urls(self) -> list[URLPattern]:
        whole = self.admin_site.admin_view(self.item_view)
        name = "chat_conversation_item"
        return [
            path("<path:object_id>/items/<path:item_id>/", whole, name=name),
            *super().get_urls(),
        ]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Conversation | None:
        """Only to be looked at: its title is made fit for sentences, and for the admin's log."""
        found: Conversation | None = super().get_object(request, object_id, from_field)
        if found is not None:
            found.title = one_line(found.title)
        return found

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The transcript."""
        conversation = self._readable(request, object_id)
        page = request.GET.get("page", "")[:9]
        read = transcript.read(
            conversation.pk,
            through=request.GET.get("through"),
            page=int(page) if page.isdecimal() else None,
        )
        if read is None:
            raise Http404
        context = {
            **self._context(request, conversation),
            "transcript": read,
            "through_query": f"{urlencode({'through': read.through})}&" if read.through else "",
            "metadata": pretty(conversation.metadata) if conversation.metadata else "",
            "may_delete": self.has_delete_permission(request, conversation),
            "may_see_fields": staff(request).has_perm("chat.view_response"),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/chat/conversation/transcript.html", context)

    def item_view(self, request: HttpRequest, object_id: str, item_id: str) -> HttpResponse:
        """One item, whole, and its fields as they are kept."""
        conversation = self._readable(request, object_id)
        wanted = unquote(item_id).replace("\x00", "")
        item = Item.objects.filter(conversation=conversation, pk=wanted).first()
        if item is None:
            raise Http404
        context = {
            **self._context(request, conversation),
            "item": item,
            "response_path": links.transcript(conversation.pk, item.response_id),
            "said": said_of(item),
            "body": pretty(item.body, max_chars=None),
        }
        return TemplateResponse(request, "admin/chat/conversation/item.html", context)

    def _readable(self, request: HttpRequest, object_id: str) -> Conversation:
        conversation = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, conversation):
            raise PermissionDenied
        if conversation is None:
            raise Http404
        return conversation

    def _context(self, request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
        title = conversation.title or conversation.pk
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "conversation": conversation,
            "title": title,
            "owner_path": links.conversations_of(conversation.owner_id),
            "path": links.transcript(conversation.pk),
        }

    # --- deleting

    @admin.action(permissions=["delete"], description="Delete selected conversations")
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[Conversation]
    ) -> HttpResponse | None:
        if queryset.order_by()[: MAX_DELETED + 1].count() > MAX_DELETED:
            messages.error(request, f"Select at most {MAX_DELETED} conversations at once.")
            return None
        return ask_and_delete(self, request, queryset)

    def get_deleted_objects(
        self, objs: Sequence[Conversation] | QuerySet[Conversation], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counted, not listed: one conversation may hold thousands of items."""
        ids = [each.pk for each in objs]
        shown = [one_line(f"{each.title or each.pk}") for each in objs]
        return shown, contents(ids), set(), []

    def delete_model(self, request: HttpRequest, obj: Conversation) -> None:
        erasing.delete_conversations([(obj.owner_id, obj.pk)])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        erasing.delete_conversations(list(queryset.values_list("owner_id", "pk")))


def contents(conversation_ids: Sequence[str]) -> dict[str, int]:
    """How much goes with the conversations, by what it is called."""
    responses = Response.objects.filter(conversation_id__in=conversation_ids)
    counted = responses.aggregate(responses=Count("pk", distinct=True), feedback=Count("feedback"))
    return {
        "conversations": len(conversation_ids),
        "responses": counted["responses"],
        "items": Item.objects.filter(conversation_id__in=conversation_ids).count(),
        "feedback": counted["feedback"],
    }
