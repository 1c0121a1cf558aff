"""Feedback as the transcript shows it, beside what it is about."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.safestring import SafeString

from chat.models import Feedback
from chat.review import badges


@dataclass(frozen=True)
class Judgement:
    username: str
    rating: int
    tags: Sequence[str]
    comment: str
    given_at: datetime

    @property
    def badge(self) -> SafeString:
        return badges.rating(self.rating)


ByID = dict[str, list[Judgement]]


def judgements_of(response_ids: Sequence[str]) -> tuple[ByID, ByID]:
    """By response, and by item, those that still say something; in one query."""
    of_responses: ByID = defaultdict(list)
    of_items: ByID = defaultdict(list)
    given = (
        Feedback.objects.filter(response_id__in=response_ids)
        .exclude(Q(rating=0) & Q(comment="") & Q(tags=[]))
        .select_related("user")
        .order_by("created_at", "id")
    )
    for row in given:
        judgement = Judgement(row.user.username, row.rating, row.tags, row.comment, row.updated_at)
        if row.item_id is None:
            of_responses[row.response_id].append(judgement)
        else:
            of_items[row.item_id].append(judgement)
    return of_responses, of_items
