"""Responses: found by status, model, error or rating, and read where they were said."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chat.models import Response
from chat.review import badges, facts, links
from chat.review.filters import (
    ResponseCacheFilter,
    ResponseErrorFilter,
    ResponseModelFilter,
    ResponseProviderFilter,
    ResponseRatingFilter,
    ResponseStatusFilter,
    ResponseSwitchFilter,
)
from chat.review.lists import ReviewAdmin, column
from chat.review.plain import moment, one_line


class ResponseAdmin(ReviewAdmin):
    """The change view shows every field as it is kept."""

    list_display = (
        "began", "transcript", "state", "failure", "answered_by", "by", "output", "took",
    )  # fmt: skip
    list_display_links = ("began",)
    list_filter = (
        ResponseStatusFilter,
        ResponseErrorFilter,
        ResponseRatingFilter,
        ResponseModelFilter,
        ResponseProviderFilter,
        ResponseSwitchFilter,
        ResponseCacheFilter,
    )
    list_select_related = ("created_by", "conversation")
    # Live ones, which have not ended, come first; an index has this order.
    ordering = ("-ended_at",)
    search_fields = ("id",)
    search_help_text = "The id of a response, or words of an error's code or message."
    readonly_fields = ("conversation", "parent", "created_by")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if search_term.startswith("resp_"):
            return queryset.filter(pk=search_term.strip()), False
        for word in search_term.split():
            says = Q(error__code__icontains=word) | Q(error__message__icontains=word)
            queryset = queryset.filter(says)
        return queryset, False

    @column("began")
    def began(self, row: Response) -> str:
        return moment(row.created_at)

    @column("conversation")
    def transcript(self, row: Response) -> SafeString:
        path = links.transcript(row.conversation_id, row.pk)
        return links.link(path, row.conversation.title or row.conversation_id)

    @column("status", ordering="status")
    def state(self, row: Response) -> SafeString:
        return badges.status(row.status)

    @column("reason or error")
    def failure(self, row: Response) -> str:
        error = facts.error_of(row)
        return error[0] if error else row.incomplete_reason or ""

    @column("model")
    def answered_by(self, row: Response) -> str:
        return one_line(row.model, 60)

    @column("asked by")
    def by(self, row: Response) -> str:
        return one_line(row.created_by.username) if row.created_by else ""

    @column("output tokens")
    def output(self, row: Response) -> str:
        return "" if row.output_tokens is None else f"{row.output_tokens:,}"

    @column("took")
    def took(self, row: Response) -> str:
        return facts.seconds_between(row.created_at, row.ended_at)
