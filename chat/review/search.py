"""Finding conversations by words: of their items, of their title, of their owner, or by an id.

Conditions are joined by AND only: an OR between tables would make Postgres read all of them.
"""

import re
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from chat.models import Conversation, Feedback, Item, Response, User
from chat.review import fulltext

HELP = (
    'Whole words of one message; "a phrase" and -without work. '
    "user:name for its owner, title:word for its title, or the id of anything in it."
)

_FIELD = re.compile(r'(?:^|\s)(user|title):(?:"([^"]*)"|(\S+))')
_ID = re.compile(r"(conv|resp|msg|rs|fc|fco)_[0-9a-zA-Z_-]+")


class Wanted(NamedTuple):
    """A search, taken apart."""

    words: str
    users: list[str]
    titles: list[str]


def parse(asked: str) -> Wanted:
    """`user:` and `title:` taken out of what was typed; the rest are words."""
    users: list[str] = []
    titles: list[str] = []
    for name, quoted, bare in _FIELD.findall(asked):
        (users if name == "user" else titles).append(quoted or bare)
    return Wanted(_FIELD.sub(" ", asked).strip(), users, titles)


def search(conversations: QuerySet[Conversation], asked: str) -> tuple[QuerySet[Any], str]:
    """Those of the conversations that are asked for, and a word of warning if some may lack."""
    wanted = parse(asked)
    for name in wanted.users:
        owners = User.objects.filter(Q(username__icontains=name) | Q(email__icontains=name))
        conversations = conversations.filter(owner__in=owners)
    for title in wanted.titles:
        conversations = conversations.filter(title__icontains=title)
    if not wanted.words:
        return conversations, ""
    if _ID.fullmatch(wanted.words):
        return conversations.filter(id__in=_holding(wanted.words)), ""
    found = fulltext.conversations_saying(wanted.words, conversations)
    return conversations.filter(id__in=found.ids), found.warning


def _holding(some_id: str) -> list[str]:
    """The conversation that an id names: its own, or that of a response or an item in it."""
    if some_id.startswith("conv_"):
        return [some_id]
    if some_id.startswith("resp_"):
        return list(Response.objects.filter(id=some_id).values_list("conversation_id", flat=True))
    return list(Item.objects.filter(id=some_id).values_list("conversation_id", flat=True))


def search_feedback(feedback: QuerySet[Feedback], asked: str) -> QuerySet[Feedback]:
    """Every word in the comment, a tag, or the name of who gave it."""
    for word in asked.split():
        feedback = feedback.filter(
            Q(comment__icontains=word) | Q(tags__contains=[word]) | Q(user__username=word)
        )
    return feedback
