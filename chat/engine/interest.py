"""Who wants to hear of which conversation, of the other processes. Soft state, and pure.

A process that has followers says so to whoever runs a response that they follow, again and again;
what is not said again is forgotten. Nothing breaks when it is lost: followers read the log.
"""

from collections.abc import Iterable

# Said once a second; one that is lost, or three, change nothing.
LASTS_SECONDS = 5.0


class Interest:
    """`now` is in seconds of any clock that does not go backwards."""

    def __init__(self) -> None:
        self._until: dict[str, dict[str, float]] = {}

    def said(self, inbox: str, conversations: Iterable[str], now: float) -> list[str]:
        """The process with this inbox follows these. Returns those of which that is news."""
        news = []
        for conversation_id in conversations:
            interested = self._until.setdefault(conversation_id, {})
            if inbox not in interested or interested[inbox] < now:
                news.append(conversation_id)
            interested[inbox] = now + LASTS_SECONDS
        return news

    def inboxes(self, conversation_id: str, now: float) -> list[str]:
        interested = self._until.get(conversation_id)
        if interested is None:
            return []
        return [inbox for inbox, until in interested.items() if until >= now]

    def forget_old(self, now: float) -> None:
        for conversation_id, interested in list(self._until.items()):
            for inbox, until in list(interested.items()):
                if until < now:
                    del interested[inbox]
            if not interested:
                del self._until[conversation_id]
