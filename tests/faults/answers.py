"""What several tests of this folder say, and where, and what the model answers."""

from collections.abc import Callable
from uuid import uuid4

from chat.models import Conversation
from tests.service import Account
from tests.upstream import Seen
from tests.upstream_script import HANG, Script

SILENT = Script(before_head=[HANG])


def in_turn(*scripts: Script) -> Callable[[Seen], Script]:
    """Each time it is asked, the next of the scripts; in the end always the last."""
    left = list(scripts)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def long_answer(tokens: int = 150) -> str:
    """A prompt of its own, whose answer takes some seconds: "0 1 2 3 …"."""
    return f"{uuid4().hex}: say {tokens} tokens at 50/s"


def new_conversation(account: Account) -> str:
    """The id of a new conversation of the account's. Needs a thread that may use the ORM."""
    return str(Conversation.objects.create(owner=account.user).id)
