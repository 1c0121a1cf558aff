"""What is kept: the tables, and what must hold of them whatever the code does.

Must not know about sockets, providers or the wire.
"""

from chat.models.accounts import ApiKey, User
from chat.models.cache import CachedAnswer
from chat.models.conversations import SEARCHED_CHARS, Conversation, Item, Response
from chat.models.engine import Intent, Lease, Log
from chat.models.talk import Feedback, ReceivedEvent, WaitingPrompt

__all__ = [
    "SEARCHED_CHARS",
    "ApiKey",
    "CachedAnswer",
    "Conversation",
    "Feedback",
    "Intent",
    "Item",
    "Lease",
    "Log",
    "ReceivedEvent",
    "Response",
    "User",
    "WaitingPrompt",
]
