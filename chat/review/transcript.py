"""A conversation to read: who said what along one branch, a page of it at a time.

Everything is read in one repeatable-read transaction, by a number of queries that does not depend
on how long the conversation is. What a live response says so far comes from its log.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Count
from django.utils.safestring import SafeString

from chat.models import Conversation, Item, Response, WaitingPrompt
from chat.protocol import lifecycle
from chat.review import badges, tree
from chat.review.facts import Fact, error_of, facts_of, receipt_of
from chat.review.judgements import Judgement, judgements_of
from chat.review.plain import pretty
from chat.review.said import Said, kept_items, live_items

WAITING_SHOWN = 50
WAITING_CHARS = 2_000


@dataclass(frozen=True)
class Entry:
    """One response, as the page shows it. `number` counts along the branch, from 1."""

    response: Response
    number: int
    place: tree.Place
    said: Sequence[Said]
    judgements: Sequence[Judgement]

    @property
    def badge(self) -> SafeString:
        return badges.status(self.response.status)

    @property
    def reason(self) -> str:
        """Why it ended early, where the status does not say it already."""
        reason = self.response.incomplete_reason or ""
        return "" if reason == self.response.status else reason

    @property
    def facts(self) -> list[Fact]:
        return facts_of(self.response)

    @property
    def receipt(self) -> str:
        return receipt_of(self.response)

    @property
    def error(self) -> tuple[str, str] | None:
        return error_of(self.response)

    @property
    def is_live(self) -> bool:
        return self.response.status in lifecycle.LIVE

    @property
    def asked(self) -> str:
        return pretty(self.response.request) if self.response.request else ""

    @property
    def metadata(self) -> str:
        return pretty(self.response.metadata) if self.response.metadata else ""


@dataclass(frozen=True)
class Waiting:
    """A prompt that waits its turn."""

    username: str
    text: str


@dataclass(frozen=True)
class Transcript:
    """One page of a branch. `shows_other`: it is not the branch that the owner sees."""

    entries: list[Entry]
    page: int
    page_count: int
    branch_length: int
    response_count: int
    item_count: int
    through: str | None
    shows_other: bool
    waiting: list[Waiting]


@contextmanager
def one_moment() -> Iterator[None]:
    """All queries inside see the tables at one moment.

    Without it a response could end between two of them, and what it said be shown twice.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def read(conversation_id: str, through: str | None, page: int | None) -> Transcript | None:
    """A page of the branch through a response, or of the one shown. None: no such conversation.

    Pages count from 1. Without one, it is the page on which the named response stands.
    """
    with one_moment():
        shown = Conversation.objects.filter(id=conversation_id).values_list("shown_id").first()
        if shown is None:
            return None
        rows = Response.objects.filter(conversation_id=conversation_id)
        grown = tree.grow(rows.order_by("created_at", "id").values_list("id", "parent_id"))
        counts = dict(
            Item.objects.filter(conversation_id=conversation_id)
            .order_by()
            .values_list("response_id")
            .annotate(Count("id"))
        )
        through = through if through in grown.parents else None
        path = tree.branch(grown, shown[0], through)
        cut = tree.pages(path, counts)
        number = _page_number(cut, through, page)
        return Transcript(
            entries=_entries(grown, path, cut[number - 1]),
            page=number,
            page_count=len(cut),
            branch_length=len(path),
            response_count=len(grown.parents),
            item_count=sum(counts.values()),
            through=through,
            shows_other=bool(shown[0]) and shown[0] not in path,
            waiting=_waiting(conversation_id),
        )


def _page_number(cut: Sequence[Sequence[str]], through: str | None, page: int | None) -> int:
    if page is not None:
        return min(max(page, 1), len(cut))
    holding = (number for number, ids in enumerate(cut, 1) if through in ids)
    return next(holding, 1)


def _entries(grown: tree.Tree, path: list[str], page: list[str]) -> list[Entry]:
    """Four queries: the responses, their judgements, their items, the logs of the live ones."""
    responses = Response.objects.select_related("created_by").in_bulk(page)
    of_responses, of_items = judgements_of(page)
    texts = kept_items(page, of_items)
    live = [each for each in page if responses[each].status in lifecycle.LIVE]
    writing = live_items(live)
    first = path.index(page[0]) + 1 if page else 1
    return [
        Entry(
            response=responses[response_id],
            number=number,
            place=tree.place(grown, response_id),
            said=[*texts.get(response_id, ()), *writing.get(response_id, ())],
            judgements=of_responses.get(response_id, ()),
        )
        for number, response_id in enumerate(page, first)
    ]


def _waiting(conversation_id: str) -> list[Waiting]:
    rows = (
        WaitingPrompt.objects.filter(conversation_id=conversation_id)
        .order_by("id")
        .values_list("user__username", "request__preview")[:WAITING_SHOWN]
    )
    return [Waiting(username, str(text or "")[:WAITING_CHARS]) for username, text in rows]
