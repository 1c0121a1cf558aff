"""What lives in a connection's memory only: few things, and bounded."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from chat.protocol.errors import BadRequest
from chat.protocol.events import encode_json

Kept = TypeVar("Kept")


class Memory(Generic[Kept]):
    """Things by name, the least recently used forgotten first. Sizes are those of their JSON.

    `on_forgotten` is told of what there was no room for, or was evicted.
    """

    def __init__(
        self, max_bytes: int, on_forgotten: Callable[[str, Kept], None] | None = None
    ) -> None:
        self._max_bytes = max_bytes
        self._on_forgotten = on_forgotten
        self._things: OrderedDict[str, tuple[Kept, int]] = OrderedDict()
        self._bytes = 0

    def get(self, name: str) -> Kept | None:
        found = self._things.get(name)
        if found is None:
            return None
        self._things.move_to_end(name)
        return found[0]

    def put(self, name: str, thing: Kept) -> None:
        self.take(name)
        size = len(encode_json(thing))
        self._things[name] = (thing, size)
        self._bytes += size
        while self._bytes > self._max_bytes and self._things:
            self.evict(next(iter(self._things)))

    def take(self, name: str) -> Kept | None:
        """The thing, which is not kept here any more."""
        found = self._things.pop(name, None)
        if found is None:
            return None
        self._bytes -= found[1]
        return found[0]

    def evict(self, name: str) -> None:
        forgotten = self.take(name)
        if forgotten is not None and self._on_forgotten is not None:
            self._on_forgotten(name, forgotten)


class Answers(Generic[Kept]):
    """Frames that were done here and are kept nowhere else, with what came of them.

    Found by `event_id`; the oldest are forgotten first.
    """

    def __init__(self, max_count: int) -> None:
        self._max_count = max_count
        self._answers: OrderedDict[str, tuple[str | None, Kept]] = OrderedDict()

    def find(self, event_id: str | None, event_hash: str | None) -> Kept | None:
        """What came of the frame, or None. Raises `BadRequest` if the id was another frame's."""
        found = self._answers.get(event_id) if event_id is not None else None
        if found is None:
            return None
        if found[0] != event_hash:
            raise BadRequest(
                "event_id_reused", "This event_id was used for another frame.", param="event_id"
            )
        return found[1]

    def of(self, event_id: str) -> Kept | None:
        """What came of whatever frame bore the id."""
        found = self._answers.get(event_id)
        return found[1] if found is not None else None

    def put(self, event_id: str | None, event_hash: str | None, answer: Kept) -> None:
        if event_id is None:
            return
        self._answers[event_id] = (event_hash, answer)
        if len(self._answers) > self._max_count:
            self._answers.popitem(last=False)
