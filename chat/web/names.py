"""What a client calls its streams: a `stream_id` goes onto every frame of a response, never kept.

Names outlive what they were given with: a steer's answer comes when its response has ended, and a
successor goes on under the name of its predecessor.
"""

from collections import OrderedDict

REMEMBERED = 1_000


class StreamNames:
    """The names of one connection, by the ids of responses, and of prompts that wait."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, str] = OrderedDict()

    def give(self, id_: str | None, stream_id: str | None) -> None:
        if id_ is None or stream_id is None:
            return
        self._names[id_] = stream_id
        if len(self._names) > REMEMBERED:
            self._names.popitem(last=False)

    def of(self, *ids: str | None) -> str | None:
        """The name of the first of them that has one."""
        found = (self._names.get(each) for each in ids if each is not None)
        return next(filter(None, found), None)
