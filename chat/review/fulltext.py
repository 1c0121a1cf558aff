"""Which conversations say some words, by the full text index, in a time that has a bound.

Left to itself, Postgres takes a word that it has no statistics of for a common one, and reads the
newest conversations first, until it has read them all: a minute, where the index knows in a
millisecond. So the index is asked first, alone. Only for words that are all over the place, the
newest conversations are searched instead.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Left

from chat.models import SEARCHED_CHARS, Conversation, Item

MAX_ITEMS = 5_000
NEWEST = 1_000
INDEX_SECONDS = 3
NEWEST_SECONDS = 10

COMMON = (
    f"Words as common as these were looked for in the newest {NEWEST:,} conversations of this list"
    " only. Narrow it to reach others."
)
TOO_LONG = "The search took too long. Narrow the list, or search for rarer words."

# What the index `item_by_text` holds, to the letter: another expression would not use it.
_WORDS = SearchVector(Left("text", SEARCHED_CHARS), config="simple")


class Found(NamedTuple):
    """`warning` is empty when nothing is left out."""

    ids: set[str]
    warning: str


def items_saying(words: str) -> QuerySet[Item]:
    """The items that hold all the words."""
    query = SearchQuery(words, config="simple", search_type="websearch")
    return Item.objects.order_by().annotate(words=_WORDS).filter(words=query)


def conversations_saying(words: str, among: QuerySet[Conversation]) -> Found:
    """Those that say the words; where the words are too common, those of the first in `among`."""
    items = items_saying(words).values_list("conversation_id", flat=True)
    try:
        with _bounded(INDEX_SECONDS, index_only=True):
            ids = list(items[: MAX_ITEMS + 1])
        if len(ids) <= MAX_ITEMS:
            return Found(set(ids), "")
    except OperationalError:
        pass  # A phrase of common words: the index knows where they are, not in which order.
    newest: list[Any] = list(among.values_list("pk", flat=True)[:NEWEST])
    try:
        with _bounded(NEWEST_SECONDS):
            return Found(set(items.filter(conversation_id__in=newest).distinct()), COMMON)
    except OperationalError:
        return Found(set(), TOO_LONG)


@contextmanager
def _bounded(seconds: int, index_only: bool = False) -> Iterator[None]:
    """Statements that end in time, by Django's `OperationalError` if they must."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{seconds}s'")
            if index_only:
                cursor.execute("SET LOCAL enable_seqscan = off")
        yield
