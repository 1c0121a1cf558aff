"""One viewer's place in the stream of one response: order, duplicates, gaps; and the window of all.

Pure: it is told what was kept and what was acknowledged, and says what may be sent now. What it
does not say to send is in the log, from which it is served when it asks.
"""

from collections import deque
from collections.abc import Sequence


class Follower:
    """Which event of one response comes next, and up to which one there are any.

    `next_number` is the number that the viewer has not been sent yet. `known` is the highest that
    is kept, as far as this process was told.
    """

    __slots__ = ("known", "next_number")

    def __init__(self, next_number: int = 0) -> None:
        self.next_number = next_number
        self.known = next_number - 1

    @property
    def behind(self) -> bool:
        """Whether something is kept that the viewer was not sent: read it from the log."""
        return self.known >= self.next_number

    def heard_of(self, last_number: int) -> None:
        """Somebody saw that the log goes up to `last_number`."""
        self.known = max(self.known, last_number)

    def offer(self, first_number: int, frames: Sequence[str]) -> Sequence[str]:
        """The frames of a kept batch that come next. Empty if they are known, or if some lack."""
        self.heard_of(first_number + len(frames) - 1)
        missing = self.next_number < first_number
        if missing or first_number + len(frames) <= self.next_number:
            return ()
        return frames[self.next_number - first_number :]

    def sent(self, count: int) -> None:
        self.next_number += count


class Window:
    """How much a viewer may leave unacknowledged. Sizes are in bytes of UTF-8, near enough.

    Closed once `max_bytes` or `max_events` are unacknowledged. Never for one that acknowledges
    nothing, of which only the latest are remembered: its first ack may come yet.
    """

    def __init__(self, *, max_bytes: int, max_events: int) -> None:
        self._max_bytes = max_bytes
        self._max_events = max_events
        # Of each response: number and size.
        self._unacknowledged: dict[str, deque[tuple[int, int]]] = {}
        self._bytes = 0
        self._events = 0
        self.acknowledging = False

    @property
    def is_open(self) -> bool:
        if not self.acknowledging:
            return True
        return self._bytes < self._max_bytes and self._events < self._max_events

    def sent(self, response_id: str, number: int, size: int) -> None:
        self._unacknowledged.setdefault(response_id, deque()).append((number, size))
        self._bytes += size
        self._events += 1
        if self._events > self._max_events and not self.acknowledging:
            self._drop_first(*next(iter(self._unacknowledged.items())))

    def acknowledge(self, response_id: str, number: int) -> None:
        """Everything of the response up to `number` was shown. Unknown or old: nothing happens."""
        waiting = self._unacknowledged.get(response_id)
        while waiting and waiting[0][0] <= number:
            self._drop_first(response_id, waiting)

    def release(self, response_id: str) -> None:
        """Nothing of the response is waited for any more: it is not shown any longer, or anew."""
        for _, size in self._unacknowledged.pop(response_id, ()):
            self._bytes -= size
            self._events -= 1

    def _drop_first(self, response_id: str, entries: deque[tuple[int, int]]) -> None:
        self._bytes -= entries.popleft()[1]
        self._events -= 1
        if not entries:
            del self._unacknowledged[response_id]
