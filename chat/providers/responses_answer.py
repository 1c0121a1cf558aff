"""One answer of the Responses API: bytes in, deltas out. Pure: no socket, no clock.

Owns what each event means. Which of the items is told when is `responses_order`'s, what of one was
said already is `responses_writing`'s. Must not know where the bytes come from.

What is not told in pieces of ours (hosted tools, sealed reasoning, what is to come) is told whole.
Only a terminal event completes an answer: `[DONE]` is what many a proxy says after a cut, too.
"""

from typing import Any

import msgspec

from chat.protocol import foreign
from chat.protocol.deltas import (
    Citation,
    Delta,
    Finish,
    ItemEnd,
    Logprobs,
    ToolCallDelta,
    Usage,
    WholeItem,
)
from chat.protocol.items import FUNCTION_CALL, MESSAGE
from chat.providers import failures, reports
from chat.providers.base import Limits
from chat.providers.loose_json import loads, text
from chat.providers.responses_ending import TERMINAL, finish_of, usage_of
from chat.providers.responses_events import Event, closed, decode, head_of, is_there, object_of
from chat.providers.responses_marks import annotation_of, key_of, logprobs_of
from chat.providers.responses_order import Order
from chat.providers.responses_writing import (
    DELTAS,
    DONES,
    OURS,
    PART_DONES,
    PHASES,
    SUMMARY,
    Channel,
    Item,
    Part,
    Writing,
    end_of,
    text_of,
    texts_of,
)
from chat.providers.streamed_answer import StreamedAnswer
from chat.providers.surrogates import REPLACEMENT, keepable, keepable_value

MAX_MARKS = 200
# An event may repeat the whole answer, each character escaped.
ESCAPED_BYTES = 8


class ResponsesAnswer(StreamedAnswer):
    """What has come of one answer.

    `logprobs`: whether they were asked for. `origin`: the mark of what this upstream seals.
    """

    __slots__ = ("_finish", "_logprobs", "_marks", "_order", "_origin", "_part", "_usage")

    def __init__(self, limits: Limits, *, logprobs: bool = False, origin: str = "") -> None:
        super().__init__(limits, limits.line_bytes + ESCAPED_BYTES * limits.answer_chars)
        self._logprobs = logprobs
        self._origin = origin
        self._order = Order()
        self._part: Part | None = None
        self._marks = 0
        self._usage: Usage | None = None
        self._finish = "stop"

    # --- how it ends

    def _take_done(self) -> None:
        """Nothing follows from it."""

    def _conclude(self, batch: list[Delta]) -> None:
        if self._usage is not None:
            batch.append(self._usage)
        batch.append(Finish(self._finish))

    def _break_off(self, batch: list[Delta]) -> None:
        self._order.break_off(batch)

    # --- events

    def _take(self, payload: bytes, batch: list[Delta]) -> None:
        event = decode(payload)
        kind = event.type or ""
        self._mending = event.mended or bool(self._mender.held)
        channel = DELTAS.get(kind)
        if channel is not None:
            if event.delta:
                self._say(channel, event, batch)
            return
        self._heard = self._heard or kind.startswith("response.")
        if event.output_index is not None:
            self.stirred = True
        if kind in TERMINAL:
            self._close(event.response, TERMINAL[kind], batch)
        elif event.object == "response":
            self._close(msgspec.Raw(payload), "completed", batch)
        elif is_there(event.error):
            raise reports.of_report(loads(event.error))
        elif kind == "error":
            raise reports.of_report(object_of(msgspec.Raw(payload)))
        elif kind == "response.output_item.added":
            self._open(event, batch)
        elif kind == "response.output_item.done":
            self._finish_told(event, batch)
        else:
            self._take_part(kind, event, batch)

    def _take_part(self, kind: str, event: Event, batch: list[Delta]) -> None:
        """What is said of a part beside its deltas."""
        if kind in DONES:
            whole = event.text or event.refusal or event.arguments
            self._take_text(DONES[kind], whole or "", event, batch)
        elif kind in PART_DONES:
            part = object_of(event.part)
            found = text_of(part)
            if found is not None:
                self._take_text(*found, event, batch)
                self._annotate(self._of(event, MESSAGE), part.get("annotations"), batch)
        elif kind == "response.output_text.annotation.added":
            self._annotate(self._of(event, MESSAGE), [object_of(event.annotation)], batch)

    def _take_text(self, channel: Channel, whole: str, event: Event, batch: list[Delta]) -> None:
        """A text that is complete, whether or not anything of it was said."""
        if not whole or self._order.is_over(key_in(event), channel.item, event.item_id):
            return
        writing = self._of(event, channel.item) or self._begin(channel.item, event, batch)
        self._complete(writing, channel, index_in(channel, event), whole, batch)

    # --- text

    def _say(self, channel: Channel, event: Event, batch: list[Delta]) -> None:
        part = self._part
        if (
            part is None
            or part.channel is not channel
            or part.key != event.output_index
            or part.index != (event.summary_index if channel is SUMMARY else event.content_index)
        ):
            part = self._place(channel, event, batch)
        self.is_thinking = False
        piece = self._kept(part.name, event.delta or "")
        if piece:
            self._heard = self.stirred = True  # it may wait for its turn
            self._order.put(part.writing, part.saying(piece), batch)
        if self._logprobs and is_there(event.logprobs):
            entries = logprobs_of(loads(event.logprobs))
            if entries:
                self._order.put(part.writing, Logprobs(entries), batch)

    def _place(self, channel: Channel, event: Event, batch: list[Delta]) -> Part:
        """The part that an event speaks of. What was never opened is opened by it."""
        writing = self._of(event, channel.item) or self._begin(channel.item, event, batch)
        return self._part_of(writing, channel, index_in(channel, event), batch)

    def _of(self, event: Event, kind: str) -> Writing | None:
        return self._order.find(key_in(event), kind)

    def _begin(self, kind: str, event: Event, batch: list[Delta]) -> Writing:
        return self._order.begin(kind, key_in(event), event.item_id, batch)

    def _part_of(
        self, writing: Writing, channel: Channel, index: int | None, batch: list[Delta]
    ) -> Part:
        part, before = writing.part(channel, index)
        for delta in before:
            self._order.put(writing, delta, batch)
        self._part = part
        return part

    def _complete(
        self, writing: Writing, channel: Channel, index: int | None, whole: str, batch: list[Delta]
    ) -> None:
        """Say what of the whole text was not said yet."""
        rest = writing.rest_of(channel, index, whole)
        if rest:
            part = self._part_of(writing, channel, index, batch)
            self._mender.held.pop(part.name, None)  # the rest begins with it
            self._spend(len(rest))
            self._order.put(writing, part.saying(rest), batch)

    def _annotate(self, writing: Writing | None, found: Any, batch: list[Delta]) -> None:
        if writing is None or not isinstance(found, list):
            return
        for each in found:
            delta = annotation_of(each)
            if delta is None or self._marks >= MAX_MARKS:
                continue
            key = key_of(delta.url if isinstance(delta, Citation) else delta.annotation)
            if key not in writing.annotations:
                self._marks += 1
                writing.annotations.add(key)
                self._order.put(writing, delta, batch)

    # --- items

    def _open(self, event: Event, batch: list[Delta]) -> None:
        head = head_of(event.item)
        key = event.output_index if event.output_index is not None else head.id
        writing = self._order.begin(head.type or "", key, head.id, batch)
        self.is_thinking = True
        if head.type == FUNCTION_CALL and head.name:
            self._name_call(writing, head.call_id, head.name, batch)
        elif head.type == MESSAGE and head.phase in PHASES:
            writing.phase = head.phase

    def _name_call(
        self, writing: Writing, call_id: str | None, name: str, batch: list[Delta]
    ) -> None:
        self.is_thinking = False
        writing.is_named = True
        call_id, name = keepable(call_id or "") or None, keepable(name)
        self._spend(len(name) + len(call_id or ""))
        self._order.put(writing, ToolCallDelta(writing.number, call_id, name, ""), batch)

    def _finish_told(self, event: Event, batch: list[Delta]) -> None:
        item = object_of(event.item)
        kind, name = text(item, "type") or "", text(item, "id")
        key = event.output_index if event.output_index is not None else name
        if self._order.is_over(key, kind, name):
            return
        writing = self._order.find(key, kind) or self._order.begin(kind, key, name, batch)
        self._finish_item(writing, item, batch, len(bytes(event.item)))

    def _finish_item(
        self, writing: Writing, item: Item, batch: list[Delta], weight: int = 0
    ) -> None:
        self.is_thinking = False
        if writing.kind == FUNCTION_CALL and not writing.is_named:
            self._name_call(writing, text(item, "call_id"), text(item, "name") or "", batch)
        self._fill(writing, item, batch)
        end = self._end_of(writing, item, weight)
        # An item that said nothing has not begun: another provider may still answer instead.
        if writing.has_said or writing.is_named or isinstance(end, WholeItem):
            self._order.put(writing, end, batch)
        self._order.close(writing, batch)
        self._part = None

    def _fill(self, writing: Writing, item: Item, batch: list[Delta]) -> None:
        """Say what the item holds and was not said, and what was held back for a second half."""
        for channel, index, whole, part in texts_of(item):
            if channel.item == writing.kind:
                self._complete(writing, channel, index, whole, batch)
                self._annotate(writing, part.get("annotations"), batch)
        for said in writing.parts.values():
            if self._mender.held.pop(said.name, None) is not None:
                self._order.put(writing, said.saying(REPLACEMENT), batch)

    def _end_of(self, writing: Writing, item: Item, weight: int) -> Delta:
        if writing.kind in OURS:
            end = end_of(writing, item, self._origin)
            self._spend(len(str(item.get("encrypted_content") or "")))
            return end
        if not foreign.is_kept(writing.kind):
            return ItemEnd()
        kept = keepable_value(item)
        weight = weight or len(key_of(kept))
        self._spend(weight)
        return WholeItem(kept, weight)

    # --- the end

    def _close(self, response: msgspec.Raw, status: str, batch: list[Delta]) -> None:
        """The terminal event: what of it was not said, why the model stopped, what it counted."""
        last = closed(response)
        self._heard = True
        finish = finish_of(last, status)
        for item, known in self._order.known([object_of(each) for each in last.output or ()]):
            kind = text(item, "type") or ""
            writing = known or self._order.begin(kind, None, text(item, "id"), batch)
            if not writing.is_closed:
                self._finish_item(writing, item, batch)
        if not finish:
            raise failures.server_error("it ended the answer early")
        self._order.end(batch, "completed" if finish == "stop" else "incomplete")
        self._finish = "tool_calls" if finish == "stop" and self._order.has_calls else finish
        self._usage = usage_of(last)
        self.done = True


def key_in(event: Event) -> int | str | None:
    """Upstream's name for the item that an event speaks of."""
    return event.output_index if event.output_index is not None else event.item_id


def index_in(channel: Channel, event: Event) -> int | None:
    return event.summary_index if channel is SUMMARY else event.content_index
