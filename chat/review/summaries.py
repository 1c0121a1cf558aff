"""What a list says of each conversation: one query for all their responses, one for feedback."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Q

from chat.models import Feedback, Response
from chat.protocol import lifecycle

# A steer ends a response as incomplete, and nothing is wrong with that.
_BROKEN_OFF = Q(status=lifecycle.INCOMPLETE) & ~Q(incomplete_reason=lifecycle.STEERED)


@dataclass
class Summary:
    """`ended_badly` counts responses by a status worth a look, the worst first."""

    models: list[str] = field(default_factory=list)
    responses: int = 0
    live: int = 0
    ended_badly: dict[str, int] = field(default_factory=dict)
    good: int = 0
    bad: int = 0
    comments: int = 0


def summaries(conversation_ids: Collection[str]) -> dict[str, Summary]:
    """Of each conversation, by id."""
    found = {each: Summary() for each in conversation_ids}
    for row in _of_responses(conversation_ids):
        summary = found[row["conversation_id"]]
        summary.models = row["models"]
        summary.responses = row["responses"]
        summary.live = row["live"]
        worst_first = (lifecycle.FAILED, lifecycle.INCOMPLETE, lifecycle.CANCELLED)
        summary.ended_badly = {status: row[status] for status in worst_first if row[status]}
    for row in _of_feedback(conversation_ids):
        summary = found[row["response__conversation_id"]]
        summary.good, summary.bad = row["good"], row["bad"]
        summary.comments = row["comments"]
    return found


def _of_responses(conversation_ids: Collection[str]) -> Any:
    return (
        Response.objects.filter(conversation_id__in=conversation_ids)
        .order_by()
        .values("conversation_id")
        .annotate(
            models=ArrayAgg("model", distinct=True),
            responses=Count("id"),
            live=Count("id", filter=Q(status__in=lifecycle.LIVE)),
            failed=Count("id", filter=Q(status=lifecycle.FAILED)),
            incomplete=Count("id", filter=_BROKEN_OFF),
            cancelled=Count("id", filter=Q(status=lifecycle.CANCELLED)),
        )
    )


def _of_feedback(conversation_ids: Collection[str]) -> Any:
    return (
        Feedback.objects.filter(response__conversation_id__in=conversation_ids)
        .order_by()
        .values("response__conversation_id")
        .annotate(
            good=Count("id", filter=Q(rating=1)),
            bad=Count("id", filter=Q(rating=-1)),
            comments=Count("id", filter=~Q(comment="")),
        )
    )
