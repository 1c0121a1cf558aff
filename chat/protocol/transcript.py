"""Events back to items, and items to what a provider is given."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chat.protocol.items import Item

_decode = msgspec.json.Decoder().decode

# delta: where its part stands in the item, under which index, and the field that it adds to
_DELTAS = {
    "response.output_text.delta": ("content", "content_index", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "text"),
}


def fold(events: Iterable[str]) -> list[Item]:
    """The items that the events of one response, from its first on, make. In order of output.

    An item that no event closed has the text so far and the status `in_progress`.
    """
    folding = Folding()
    for text in events:
        folding.add(_decode(text))
    return folding.items()


class Folding:
    """A fold that is under way. Deltas are joined once, at the end: it is linear in its text."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._texts: dict[tuple[int, str, int, str], list[str]] = {}

    def add(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind in _DELTAS:
            parts, index_name, field = _DELTAS[kind]
            place = (event["output_index"], parts, event[index_name], field)
            self._texts.setdefault(place, []).append(event["delta"])
        elif kind == "response.function_call_arguments.delta":
            place = (event["output_index"], "", 0, "arguments")
            self._texts.setdefault(place, []).append(event["delta"])
        elif kind == "response.output_item.added":
            self._items.append(event["item"])
        elif kind == "response.content_part.added":
            self._items[event["output_index"]]["content"].append(event["part"])
        elif kind == "response.reasoning_summary_part.added":
            self._items[event["output_index"]]["summary"].append(event["part"])
        elif kind == "response.output_item.done":
            self._close(event["output_index"], event["item"])

    def _close(self, index: int, item: Item) -> None:
        self._items[index] = item
        for place in [place for place in self._texts if place[0] == index]:
            del self._texts[place]

    def items(self) -> list[Item]:
        for (output_index, parts, index, field), texts in self._texts.items():
            holder = self._items[output_index]
            if parts:
                holder = holder[parts][index]
            holder[field] += "".join(texts)
        self._texts.clear()
        return self._items


def context(items: Sequence[Item]) -> list[Item]:
    """What a provider is given of a branch: everything that was said, in order.

    An incomplete function call is left out: no output can answer it.
    """
    return [
        item
        for item in items
        if not (item["type"] == "function_call" and item.get("status") != "completed")
    ]


def chars(items: Iterable[Item]) -> int:
    """Characters of all texts, for an estimate of tokens where upstream gives none."""
    return sum(_chars(item) for item in items)


def _chars(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_chars(value[name]) for name in _SAID if name in value)
    if isinstance(value, list):
        return sum(_chars(each) for each in value)
    return len(value) if isinstance(value, str) else 0


_SAID = ("content", "text", "refusal", "summary", "arguments", "output", "name")
