"""Many deltas become few events.

Owns the order in which a response opens and closes its items: one open at a time, each opened with
its first delta, so that a retry before any text leaves no trace. What comes in between two calls of
`take` is one delta event. Knows neither numbers nor time: whoever keeps the events numbers them.
"""

from collections.abc import Iterable
from typing import Any

from chat.protocol import opening
from chat.protocol.deltas import (
    Annotation,
    Citation,
    Delta,
    Finish,
    ItemEnd,
    Logprobs,
    PartEnd,
    Phase,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    WholeItem,
)
from chat.protocol.items import MESSAGE, REASONING, Item
from chat.protocol.parts import ARGUMENTS, REFUSAL, SUMMARY, TEXT, Part, Sources, is_whole, parts_of
from chat.protocol.transcript import chars

Event = dict[str, Any]

# What an event or a delta weighs beside its text. Alternating kinds of text make a dozen events of
# a few characters.
OVERHEAD_CHARS = 200


class Coalescer:
    """One response's way from deltas to events.

    `output` holds the items that are closed, after `close` all of them. `finish` is upstream's
    reason for stopping, `usage` its count, `chars` what was said in all.
    """

    def __init__(self) -> None:
        self.output: list[Item] = []
        self.finish: str | None = None
        self.usage: Usage | None = None
        self.chars = 0
        self._events: list[Event] = []
        self._unsent: list[str] = []
        self._pending_chars = 0
        self._item: Item | None = None
        self._part: Part | None = None
        self._phase: str | None = None
        self._sources = Sources()
        # The call that is streamed. Fragments of others, and text, wait until it is done: upstream
        # may interleave them, the wire may not.
        self._call_index: int | None = None
        self._late_calls: dict[int, list[ToolCallDelta]] = {}
        self._late_text: list[tuple[str, str]] = []

    def resume(self, output: list[Item], item: Item | None, part: Part | None) -> None:
        """Stand where another one's events left off, before anything was fed.

        `item` and `part`: what is open; its parts that are closed stand in the item.
        """
        self.output = output
        self._item, self._part = item, part
        self.chars = chars([*output, *([item] if item else [])]) + len(part.text if part else "")

    @property
    def said(self) -> bool:
        """Whether any item was opened."""
        return self._item is not None or bool(self.output)

    @property
    def pending_chars(self) -> int:
        """What was taken in and not yet taken out: its characters, and the weight of its events.

        0 while nothing can be taken out, although something may wait for a call's end: who waits
        for room would wait for ever.
        """
        if not self.has_events:
            return 0
        return self._pending_chars + len(self._events) * OVERHEAD_CHARS

    @property
    def has_events(self) -> bool:
        return bool(self._unsent or self._events)

    def feed(self, deltas: Iterable[Delta]) -> None:
        for delta in deltas:
            match delta:
                case TextDelta(text=text):
                    self._say(TEXT, text)
                case ReasoningDelta(text=text):
                    self._say(SUMMARY, text)
                case RefusalDelta(text=text):
                    self._say(REFUSAL, text)
                case ToolCallDelta():
                    self._call(delta)
                case Citation() | Annotation():
                    self._sources.note(delta)
                case Usage():
                    self.usage = delta
                case Finish(reason=reason):
                    self.finish = reason
                case _:
                    self._arrange(delta)

    def take(self) -> list[Event]:
        """The events since the last call, in order; at most one delta event a part."""
        self._flush()
        events, self._events = self._events, []
        self._pending_chars = 0
        return events

    def close(self, status: str) -> None:
        """Close what is open. `status`, completed or incomplete, is that of the last item.

        Calls before it may have been cut with it, for upstream may interleave them.
        """
        self._call_index = None
        for fragments in self._late_calls.values():
            self._close_call(status)
            self._open_call(fragments[0])
            for fragment in fragments:
                self._fill_call(fragment)
        if self._late_text:
            self._close_call(status)
        for kind, text in self._late_text:
            self._say(kind, text)
        self._late_calls, self._late_text = {}, []
        self._close_item(status)

    # --- text

    def _say(self, kind: str, text: str) -> None:
        if not text:
            return
        if self._call_index is not None:
            self._late_text.append((kind, text))
            self._pending_chars += len(text) + OVERHEAD_CHARS
            return
        if self._part is None or self._part.kind != kind:
            self._open_part(kind)
        self._append(text)

    def _append(self, text: str) -> None:
        self._unsent.append(text)
        self._pending_chars += len(text)
        self.chars += len(text)

    def _open_part(self, kind: str) -> None:
        wanted = REASONING if kind == SUMMARY else MESSAGE
        if self._item is not None and self._item["type"] != wanted:
            self._close_item("completed")
        if self._item is None:
            is_thought = wanted == REASONING
            self._open_item(opening.reasoning() if is_thought else opening.message(self._phase))
        self._close_part()
        self._part = Part(kind, len(parts_of(self._item)))
        self._emit(self._part.added, **self._place(), part=self._part.shape(""))

    # --- calls

    def _call(self, delta: ToolCallDelta) -> None:
        if self._call_index is None:
            self._close_item("completed")
            self._call_index = delta.index
            self._open_call(delta)
        if delta.index == self._call_index:
            self._fill_call(delta)
        else:
            self._late_calls.setdefault(delta.index, []).append(delta)
            self._pending_chars += len(delta.arguments) + OVERHEAD_CHARS

    def _open_call(self, delta: ToolCallDelta) -> None:
        self._open_item(opening.call(delta))
        self._part = Part(ARGUMENTS)

    def _fill_call(self, delta: ToolCallDelta) -> None:
        if self._item is not None and delta.name and not self._item["name"]:
            self._item["name"] = delta.name
        if delta.arguments:
            self._append(delta.arguments)

    def _close_call(self, status: str) -> None:
        """Close a call that is not the last item. Where the answer was cut, it was too, unless its
        arguments are whole: nobody is to act upon half of them.
        """
        self._flush()
        if status != "completed" and self._part is not None and is_whole(self._part.text):
            status = "completed"
        self._close_item(status)

    # --- from who knows items

    def _arrange(self, delta: Delta) -> None:
        match delta:
            case PartEnd():
                self._close_part()
            case ItemEnd():
                self._end_item(delta)
            case WholeItem():
                self._place_whole(delta)
            case Phase(phase=phase):
                self._phase = phase
            case Logprobs(logprobs=logprobs):
                self._note(logprobs)

    def _end_item(self, delta: ItemEnd) -> None:
        self._call_index = self._phase = None
        self._close_part()
        if self._item is not None:
            self._item.update(delta.fields)
        self._close_item(delta.status)

    def _place_whole(self, delta: WholeItem) -> None:
        self._end_item(ItemEnd())
        item, status = opening.whole(delta)
        self._open_item(item)
        self._close_item(status)
        self._pending_chars += delta.chars

    def _note(self, logprobs: list[Event]) -> None:
        if self._part is not None and self._part.kind == TEXT:
            self._part.note(logprobs)
            self._pending_chars += len(logprobs) * OVERHEAD_CHARS

    # --- opening, closing, emitting

    def _open_item(self, item: Item) -> None:
        self._item = item
        announced = opening.announced(item)
        self._emit("response.output_item.added", output_index=len(self.output), item=announced)

    def _close_item(self, status: str) -> None:
        if self._item is None:
            return
        self._close_part()
        item, self._item = self._item, None
        item["status"] = status
        self._emit("response.output_item.done", output_index=len(self.output), item=item)
        self.output.append(item)

    def _close_part(self) -> None:
        part = self._part
        if part is None or self._item is None:
            return
        self._flush()
        text = part.text
        if part.kind == ARGUMENTS:
            self._item["arguments"] = text
            self._emit(part.done, **self._place(), name=self._item["name"], arguments=text)
        else:
            shape = part.shape(text)
            if part.kind == TEXT:
                shape["annotations"] = self._annotate(text)
            self._emit(part.done, **self._place(), **part.done_fields(text))
            self._emit(part.closed, **self._place(), part=shape)
            parts_of(self._item).append(shape)
        self._part = None

    def _annotate(self, text: str) -> list[Event]:
        annotations = self._sources.take(text)
        for index, annotation in enumerate(annotations):
            self._emit(
                "response.output_text.annotation.added",
                **self._place(),
                annotation_index=index,
                annotation=annotation,
            )
        return annotations

    def _flush(self) -> None:
        part = self._part
        if not self._unsent or part is None:
            return
        text = "".join(self._unsent)
        self._unsent.clear()
        part.texts.append(text)
        self._events.append({"type": part.delta, **self._place(), **part.delta_fields(text)})

    def _place(self) -> Event:
        assert self._item is not None and self._part is not None
        place: Event = {"item_id": self._item["id"], "output_index": len(self.output)}
        if self._part.index_name:
            place[self._part.index_name] = self._part.index
        return place

    def _emit(self, kind: str, **fields: Any) -> None:
        self._flush()
        self._events.append({"type": kind, **fields})
