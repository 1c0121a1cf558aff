"""Feedback: what people thought, with a way to what they thought it of."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chat.models import Feedback
from chat.review import badges, links, search
from chat.review.filters import FeedbackCommentFilter, FeedbackRatingFilter
from chat.review.lists import ReviewAdmin, column
from chat.review.plain import moment, one_line

COMMENT_CHARS = 160


class FeedbackAdmin(ReviewAdmin):
    list_display = ("given", "rated", "remark", "marks", "by", "answered_by", "transcript")
    list_display_links = ("given",)
    list_filter = (FeedbackRatingFilter, FeedbackCommentFilter)
    ordering = ("-updated_at",)
    search_fields = ("comment",)
    search_help_text = "Words of the comment, a tag, or a user's name."
    readonly_fields = ("user", "transcript", "item")
    fields = ("user", "transcript", "item", "rating", "tags", "comment", "created_at", "updated_at")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return search.search_feedback(queryset, search_term), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """By queries of their own: a join would be made for all feedback, to be sorted after."""
        return super().get_queryset(request).prefetch_related("user", "response__conversation")

    @column("given", ordering="updated_at")
    def given(self, row: Feedback) -> str:
        return moment(row.updated_at)

    @column("rating", ordering="rating")
    def rated(self, row: Feedback) -> SafeString:
        return badges.rating(row.rating)

    @column("comment")
    def remark(self, row: Feedback) -> str:
        return one_line(row.comment, COMMENT_CHARS)

    @column("tags")
    def marks(self, row: Feedback) -> SafeString:
        return badges.badges(badges.badge(one_line(tag), "quiet") for tag in row.tags)

    @column("user", ordering="user")
    def by(self, row: Feedback) -> str:
        return one_line(row.user.username)

    @column("model")
    def answered_by(self, row: Feedback) -> str:
        return one_line(row.response.model, 60)

    @column("conversation")
    def transcript(self, row: Feedback) -> SafeString:
        path = links.transcript(row.response.conversation_id, row.response_id)
        return links.link(path, row.response.conversation.title or row.response.conversation_id)
