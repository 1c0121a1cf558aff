"""The items of one answer, told one after another, however upstream interleaves them. Pure.

Owns whose turn it is: an item is told from its first delta to its end, and what comes of the others
meanwhile waits with them. The earliest by upstream's own numbers goes next. Must not know events.
"""

from collections import defaultdict, deque
from collections.abc import Iterator

from chat.protocol.deltas import Delta, ItemEnd
from chat.protocol.items import FUNCTION_CALL
from chat.providers import failures
from chat.providers.responses_writing import Item, Writing

Key = int | str | None

MAX_ITEMS = 10_000


class Order:
    """`has_calls`: whether any of the items is a function call."""

    __slots__ = ("_all", "_keys", "_turn", "_waiting")

    def __init__(self) -> None:
        self._all: list[Writing] = []
        self._keys: dict[Key, Writing] = {}
        self._turn: Writing | None = None
        self._waiting: list[Writing] = []

    @property
    def has_calls(self) -> bool:
        return any(writing.kind == FUNCTION_CALL for writing in self._all)

    def find(self, key: Key, kind: str) -> Writing | None:
        """The open item that upstream calls so; without a name, the one that is being told."""
        writing = self._turn if key is None else self._keys.get(key)
        if writing is None or writing.is_closed or writing.kind != kind:
            return None
        return writing

    def is_over(self, key: Key, kind: str, name: str | None) -> bool:
        """Whether this very item has ended: what is still said of its end says nothing new."""
        writing = self._keys.get(key)
        if writing is None or not writing.is_closed or writing.kind != kind:
            return False
        return not name or not writing.id or name == writing.id

    def begin(self, kind: str, key: Key, name: str | None, batch: list[Delta]) -> Writing:
        """Another item, `name` its id. One that had its key, and was not ended, ends."""
        if len(self._all) >= MAX_ITEMS:
            raise failures.answer_too_large(MAX_ITEMS)
        before = self._keys.get(key) if key is not None else None
        if before is not None and not before.is_closed:
            self.put(before, ItemEnd(), batch)
            self.close(before, batch)
        writing = Writing(kind, key, len(self._all))
        writing.id = name
        self._all.append(writing)
        if key is not None:
            self._keys[key] = writing
        if self._turn is None:
            self._turn = writing
        else:
            self._waiting.append(writing)
        return writing

    def put(self, writing: Writing, delta: Delta, batch: list[Delta]) -> None:
        """Tell it now, or when it is the item's turn."""
        if writing is self._turn:
            batch.append(delta)
        else:
            writing.waiting.append(delta)

    def close(self, writing: Writing, batch: list[Delta]) -> None:
        """The item was told to its end, or will be in its turn."""
        writing.is_closed = True
        while self._turn is not None and self._turn.is_closed:
            self._turn = self._next()
            if self._turn is not None:
                batch += self._turn.waiting
                self._turn.waiting = []

    def end(self, batch: list[Delta], status: str) -> None:
        """Nothing follows: end what upstream left open, and tell all that waits."""
        while self._turn is not None:
            self.put(self._turn, ItemEnd(status), batch)
            self.close(self._turn, batch)

    def break_off(self, batch: list[Delta]) -> None:
        """The answer failed. What waits is told; the last item is left for who closes it all."""
        while self._turn is not None and any(each.waiting for each in self._waiting):
            self.put(self._turn, ItemEnd("incomplete"), batch)
            self.close(self._turn, batch)

    def known(self, output: list[Item]) -> Iterator[tuple[Item, Writing | None]]:
        """Each item of the whole output with the one that was told of it, or None.

        Some servers give an item another id at the end, or none.
        """
        by_id = {(each.id, each.kind): each for each in self._all if each.id}
        told = [by_id.get((str(item.get("id")), str(item.get("type")))) for item in output]
        others: dict[str, deque[Writing]] = defaultdict(deque)
        named = set(told)
        for writing in self._all:
            if writing not in named:
                others[writing.kind].append(writing)
        for item, known in zip(output, told, strict=True):
            alike = others.get(str(item.get("type")))
            yield item, known or (alike.popleft() if alike else None)

    def _next(self) -> Writing | None:
        if not self._waiting:
            return None
        first = min(self._waiting, key=_place)
        self._waiting.remove(first)
        return first


def _place(writing: Writing) -> tuple[int, int]:
    """Where upstream puts it, if it says so; else behind, in the order of beginning."""
    if isinstance(writing.key, int):
        return writing.key, writing.number
    return 1 << 62, writing.number
