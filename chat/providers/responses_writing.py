"""One item that upstream is writing: what was said of it, and what is still missing. Pure.

Servers tell each text three times: in deltas, when its part is done, when its item is. Some leave
the deltas out, or some of them. Owns that nothing is said twice and nothing is left out. Must not
know events, nor other items.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from chat.protocol.deltas import (
    Delta,
    ItemEnd,
    PartEnd,
    Phase,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    WholeItem,
)
from chat.protocol.items import FUNCTION_CALL, MESSAGE, REASONING, TOLD_AS_TEXT
from chat.providers.surrogates import keepable

Item = dict[str, Any]


# What is told in pieces; items of other types are told whole.
OURS = {MESSAGE, REASONING, FUNCTION_CALL}
PHASES = {"commentary", "final_answer"}


class Channel(NamedTuple):
    """A kind of text. `item`: the type of the items that have it."""

    name: str
    item: str
    delta: type[TextDelta] | type[RefusalDelta] | type[ReasoningDelta] | None


TEXT = Channel("text", MESSAGE, TextDelta)
REFUSAL = Channel("refusal", MESSAGE, RefusalDelta)
SUMMARY = Channel("summary", REASONING, ReasoningDelta)
THOUGHT = Channel("thought", REASONING, ReasoningDelta)
ARGUMENTS = Channel("arguments", FUNCTION_CALL, None)

# The events that tell a text in pieces, and those that tell it whole.
DELTAS = {
    "response.output_text.delta": TEXT,
    "response.refusal.delta": REFUSAL,
    "response.reasoning_summary_text.delta": SUMMARY,
    "response.reasoning_text.delta": THOUGHT,
    "response.reasoning.delta": THOUGHT,  # as Open Responses has it
    "response.function_call_arguments.delta": ARGUMENTS,
}
DONES = {
    "response.output_text.done": TEXT,
    "response.refusal.done": REFUSAL,
    "response.reasoning_summary_text.done": SUMMARY,
    "response.reasoning_text.done": THOUGHT,
    "response.reasoning.done": THOUGHT,
    "response.function_call_arguments.done": ARGUMENTS,
}
PART_DONES = {"response.content_part.done", "response.reasoning_summary_part.done"}
# The type of a part, and the field that holds its text.
OF_PARTS = {
    "output_text": (TEXT, "text"),
    "refusal": (REFUSAL, "refusal"),
    "reasoning_text": (THOUGHT, "text"),
    "summary_text": (SUMMARY, "text"),
}


class Part:
    """A text of an item. `said` counts its characters so far, `last` is what was said last."""

    __slots__ = ("channel", "index", "key", "last", "name", "said", "writing")

    def __init__(self, writing: "Writing", channel: Channel, index: int | None) -> None:
        self.writing = writing
        self.channel = channel
        self.index = index
        self.key = writing.key
        self.name = f"{writing.number} {channel.name} {index}"
        self.said = 0
        self.last = ""

    def saying(self, text: str) -> Delta:
        """The next piece, which can be kept and is not empty, as a delta."""
        self.said += len(text)
        self.last = text
        if self.channel.delta is None:
            return ToolCallDelta(self.writing.number, None, None, text)
        return self.channel.delta(text)

    def rest_of(self, whole: str) -> str:
        """What of the whole text was not said yet. Nothing, if it is another text than was said."""
        whole = keepable(whole)
        if len(whole) <= self.said or not whole.endswith(self.last, 0, self.said):
            return ""
        return whole[self.said :]


class Writing:
    """An item. `key` is upstream's name for it, `number` ours, in the order in which they began.

    `waiting`: the deltas that are held back while an earlier item is written.
    """

    __slots__ = (
        "annotations", "id", "is_closed", "is_named", "key", "kind", "number", "open", "parts",
        "phase", "waiting",
    )  # fmt: skip

    def __init__(self, kind: str, key: int | str | None, number: int) -> None:
        self.kind = kind
        self.key = key
        self.number = number
        self.id: str | None = None
        self.parts: dict[tuple[Channel, int], Part] = {}
        self.open: Part | None = None
        self.phase: str | None = None
        self.annotations: set[bytes] = set()
        self.waiting: list[Delta] = []
        self.is_named = False
        self.is_closed = False

    def rest_of(self, channel: Channel, index: int | None, whole: str) -> str:
        """What of a text was not said yet."""
        part = self.parts.get((channel, index or 0))
        return part.rest_of(whole) if part is not None else keepable(whole)

    def part(self, channel: Channel, index: int | None) -> tuple[Part, list[Delta]]:
        """The part, and what is to be said before more of it is."""
        place = (channel, index or 0)
        part = self.parts.get(place)
        if part is None:
            part = self.parts[place] = Part(self, channel, index)
        before: list[Delta] = []
        if self.open is None:
            before = [Phase(self.phase)] if self.phase else []
        elif self.open is not part:
            before = [PartEnd()]
        self.open = part
        return part, before

    @property
    def has_said(self) -> bool:
        return any(part.said for part in self.parts.values())

    @property
    def told_as_text(self) -> bool:
        """Whether it is reasoning of which there is text and no summary."""
        return {part.channel for part in self.parts.values() if part.said} == {THOUGHT}


def texts_of(item: Item) -> Iterator[tuple[Channel, int, str, Item]]:
    """The texts of a whole item: channel, index, text, and the part that holds it."""
    if isinstance(item.get("arguments"), str):
        yield ARGUMENTS, 0, item["arguments"], {}
    for name in ("summary", "content"):
        parts = item.get(name)
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            text = text_of(part)
            if text is not None:
                yield text[0], index, text[1], part


def text_of(part: Any) -> tuple[Channel, str] | None:
    """The channel and the text of a part; None for one of a kind that has none."""
    if not isinstance(part, dict):
        return None
    channel, field = OF_PARTS.get(str(part.get("type")), (None, ""))
    text = part.get(field)
    return (channel, text) if channel is not None and isinstance(text, str) else None


def end_of(writing: Writing, item: Item, origin: str) -> Delta:
    """How an item of ours ends, with what it has beside its texts. Sealed reasoning that says
    nothing is told whole. `origin`: the mark of who sealed it, if any.
    """
    fields: Item = {}
    marks = dict(TOLD_AS_TEXT) if writing.told_as_text else {}
    status = "incomplete" if item.get("status") == "incomplete" else "completed"
    sealed = item.get("encrypted_content")
    if writing.kind == MESSAGE and item.get("phase") in PHASES:
        fields["phase"] = item["phase"]
    if writing.kind == REASONING and isinstance(sealed, str) and sealed:
        fields["encrypted_content"] = keepable(sealed)
        marks |= {"sealed_by": origin} if origin else {}
    if marks:
        fields["interject"] = marks
    if "encrypted_content" in fields and not writing.has_said:
        shape = {"type": REASONING, "status": status, "summary": [], **fields}
        return WholeItem(shape, len(fields["encrypted_content"]))
    return ItemEnd(status, fields)
