"""A log back to the coalescer that wrote it: for whoever goes on where another process died.

The log is cut between two batches, never within one: a part that was said to be done is closed.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from chat.protocol.coalescer import Coalescer
from chat.protocol.items import Item
from chat.protocol.parts import ARGUMENTS, REFUSAL, SUMMARY, TEXT, Part

_decode = msgspec.json.Decoder().decode

# What a response says before its model says anything.
_PREAMBLE = {"response.created", "response.queued", "response.in_progress"}
_PART_KINDS = {"output_text": TEXT, "refusal": REFUSAL, "summary_text": SUMMARY}


class Standing(NamedTuple):
    """How far a response had come.

    `next_number` is the first that the log does not hold. `is_in_progress`: the event that says so
    was kept; after it a model may have been asked.
    """

    coalescer: Coalescer
    next_number: int
    is_in_progress: bool


def restored(frames: Iterable[str]) -> Standing:
    """Where the kept events of a response, from its first on, leave it."""
    restoring = _Restoring()
    next_number = 0
    in_progress = False
    for text in frames:
        next_number += 1
        event = _decode(text)
        if event["type"] in _PREAMBLE:
            in_progress = event["type"] == "response.in_progress"
        else:
            restoring.add(event)
    coalescer = Coalescer()
    coalescer.resume(restoring.output, restoring.item, restoring.part)
    return Standing(coalescer, next_number, in_progress)


class _Restoring:
    def __init__(self) -> None:
        self.output: list[Item] = []
        self.item: Item | None = None
        self.part: Part | None = None

    def add(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "response.output_item.added":
            self.item = event["item"]
            self.part = Part(ARGUMENTS) if "arguments" in event["item"] else None
        elif kind == "response.output_item.done":
            self.output.append(event["item"])
            self.item = self.part = None
        elif kind.endswith("_part.added"):
            index = event.get("content_index", event.get("summary_index", 0))
            self.part = Part(_PART_KINDS[event["part"]["type"]], index)
        elif kind.endswith("_part.done"):
            assert self.item is not None
            self.item["content" if "content_index" in event else "summary"].append(event["part"])
            self.part = None
        elif kind.endswith(".delta"):
            assert self.part is not None
            self.part.texts.append(event["delta"])
