"""The list of conversations: a page of them, each summed up, and the dates to narrow it by."""

from typing import Any

from django.db.models import Max, Min
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chat.models import Conversation
from chat.review import badges, calendar, links
from chat.review.lists import CarefulChangeList, ReviewAdmin, column
from chat.review.plain import moment, one_line
from chat.review.summaries import Summary, summaries

MODELS_SHOWN = 3


class ConversationList(CarefulChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        found = summaries([row.pk for row in rows])
        for row in rows:
            row.summary = found[row.pk]
        self.result_list = rows

    @property
    def dates(self) -> dict[str, Any]:
        """What Django's `date_hierarchy.html` wants."""
        span = Conversation.objects.aggregate(first=Min("updated_at"), last=Max("updated_at"))
        if span["first"] is None:
            return {"show": False}
        given = {name: self.params.get(f"updated_at__{name}") for name in calendar.NAMES}
        chosen = {name: int(value) for name, value in given.items() if value}
        steps = calendar.steps(span["first"].date(), span["last"].date(), chosen)
        return {
            "show": True,
            "back": self._link(steps.back) if steps.back else None,
            "choices": [self._link(each) for each in steps.choices],
        }

    def _link(self, step: calendar.Step) -> dict[str, str]:
        if step.chosen is None:
            return {"title": step.title}
        query = {f"updated_at__{name}": number for name, number in step.chosen.items()}
        return {"title": step.title, "link": self.get_query_string(query, ["updated_at__"])}


class ConversationColumns(ReviewAdmin):
    """Columns of stored text and of counts, each safe to show."""

    list_display = ("called", "state", "rated", "by", "models", "response_count", "last_activity")
    list_display_links = None
    list_select_related = ("owner",)

    @column("conversation")
    def called(self, row: Conversation) -> SafeString:
        return links.link(links.transcript(row.pk), row.title or row.pk)

    @column("owner", ordering="owner")
    def by(self, row: Conversation) -> SafeString:
        return links.link(links.conversations_of(row.owner_id), row.owner.username)

    @column("models")
    def models(self, row: Any) -> str:
        summary: Summary = row.summary
        more = len(summary.models) - MODELS_SHOWN
        shown = [one_line(each, 40) for each in summary.models[:MODELS_SHOWN]]
        return ", ".join([*shown, f"{more} more"] if more > 0 else shown)

    @column("responses")
    def response_count(self, row: Any) -> str:
        return f"{row.summary.responses:,}"

    @column("last activity", ordering="updated_at")
    def last_activity(self, row: Conversation) -> str:
        return moment(row.updated_at)

    @column("state")
    def state(self, row: Any) -> SafeString:
        """That something runs, and the worst that happened."""
        summary: Summary = row.summary
        shown = [badges.badge("live", "live")] if summary.live else []
        for status, count in list(summary.ended_badly.items())[:1]:
            shown.append(badges.status(status, count))
        return badges.badges(shown)

    @column("rating")
    def rated(self, row: Any) -> SafeString:
        summary: Summary = row.summary
        counts = ((-1, summary.bad), (1, summary.good))
        shown = [badges.rating(rating, count) for rating, count in counts if count]
        if summary.comments:
            shown.append(badges.badge("comment", "quiet"))
        return badges.badges(shown)
