"""Parents that live in a connection's memory only: few, and bounded in bytes."""

from collections import OrderedDict
from collections.abc import Sequence

from chat.protocol.events import encode_json
from chat.protocol.items import Item


class Memory:
    """The contexts of responses that are not stored, the least recently used forgotten first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._contexts: OrderedDict[str, tuple[list[Item], int]] = OrderedDict()
        self._bytes = 0

    def get(self, response_id: str) -> list[Item] | None:
        """Everything that was said up to the end of the response."""
        found = self._contexts.get(response_id)
        if found is None:
            return None
        self._contexts.move_to_end(response_id)
        return found[0]

    def put(self, response_id: str, context: Sequence[Item]) -> None:
        self.evict(response_id)
        size = len(encode_json(context))
        self._contexts[response_id] = (list(context), size)
        self._bytes += size
        while self._bytes > self._max_bytes and self._contexts:
            self.evict(next(iter(self._contexts)))

    def evict(self, response_id: str) -> None:
        forgotten = self._contexts.pop(response_id, None)
        if forgotten is not None:
            self._bytes -= forgotten[1]
