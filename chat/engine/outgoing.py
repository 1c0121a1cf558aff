"""What waits to go to other processes: the newest of it, within bounds. Pure.

While one message is on its way, more comes in; what is taken then goes together. A crowd of
responses that start or end costs each process a few messages, not one each.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chat.engine import notices
from chat.engine.notices import AnyNotice
from chat.protocol import batch as batches
from chat.protocol.batch import Batch

MAX_NOTICES = 1_024
MAX_CHARS = 8 * 1024 * 1024

Message = dict[str, Any]


class Round(NamedTuple):
    """Everything that waited. `letters`: each to one process, by its inbox. `notices`: to all."""

    letters: Mapping[str, Message]
    notices: Sequence[AnyNotice]


class Outgoing:
    """What does not fit pushes out what has waited longest."""

    def __init__(self) -> None:
        self._kept: deque[tuple[str, Batch]] = deque()
        self._chars = 0
        self._asked: dict[str, dict[str, None]] = {}
        self._notices: deque[AnyNotice] = deque(maxlen=MAX_NOTICES)

    def __bool__(self) -> bool:
        return bool(self._kept or self._asked or self._notices)

    def keep(self, inbox: str, kept: Iterable[Batch]) -> None:
        """What was kept, for a process whose viewers follow it."""
        for batch in kept:
            self._kept.append((inbox, batch))
            self._chars += len(batch.text)
        while self._chars > MAX_CHARS and len(self._kept) > 1:
            _, batch = self._kept.popleft()
            self._chars -= len(batch.text)

    def ask(self, inbox: str, conversations: Iterable[str] = ()) -> None:
        """What is followed here, for a process that runs some of it; nothing at all: a greeting."""
        self._asked.setdefault(inbox, {}).update(dict.fromkeys(conversations))

    def tell(self, notice: AnyNotice) -> None:
        self._notices.append(notice)

    def take(self) -> Round:
        """All of it. What was kept goes first: a response's end is heard behind its last word."""
        kept: dict[str, list[Batch]] = {}
        for inbox, batch in self._kept:
            kept.setdefault(inbox, []).append(batch)
        letters: dict[str, Message] = {
            inbox: {
                "kept": batches.pack(kept.get(inbox, ())),
                "asked": list(self._asked.get(inbox, ())),
            }
            for inbox in dict.fromkeys([*kept, *self._asked])
        }
        taken = Round(letters, tuple(self._notices))
        self._kept.clear()
        self._chars = 0
        self._asked.clear()
        self._notices.clear()
        return taken


def packed(told: Iterable[AnyNotice]) -> list[bytes]:
    """Each by itself: who does not know one kind still understands the others."""
    return [notices.pack(notice) for notice in told]
