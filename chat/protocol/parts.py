"""The parts of an item that is being written: which events open, fill and close each kind."""

from typing import Any

import msgspec

from chat.protocol.deltas import Annotation, Citation
from chat.protocol.items import REASONING, Item

TEXT = "output_text"
REFUSAL = "refusal"
SUMMARY = "summary_text"
ARGUMENTS = "arguments"

_CONTENT = (
    "response.content_part.added",
    "response.content_part.done",
    "content_index",
)
_SUMMARY = (
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "summary_index",
)
# kind: stem of the delta and done events, part opened, part closed, name of its index
_EVENTS: dict[str, tuple[str, str, str, str]] = {
    TEXT: ("response.output_text", *_CONTENT),
    REFUSAL: ("response.refusal", *_CONTENT),
    SUMMARY: ("response.reasoning_summary_text", *_SUMMARY),
    ARGUMENTS: ("response.function_call_arguments", "", "", ""),
}


class Part:
    """One part, its place in its item, and the text that it was given so far."""

    __slots__ = (
        "added",
        "closed",
        "delta",
        "done",
        "index",
        "index_name",
        "kind",
        "logprobs",
        "logprobs_sent",
        "texts",
    )

    def __init__(self, kind: str, index: int = 0) -> None:
        stem, self.added, self.closed, self.index_name = _EVENTS[kind]
        self.delta = stem + ".delta"
        self.done = stem + ".done"
        self.kind = kind
        self.index = index
        self.texts: list[str] = []
        self.logprobs: list[dict[str, Any]] = []
        self.logprobs_sent = 0

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def note(self, logprobs: list[dict[str, Any]]) -> None:
        """Log probabilities of what was just added."""
        self.logprobs += logprobs

    def shape(self, text: str) -> dict[str, Any]:
        """The part as it stands in its item."""
        if self.kind == TEXT:
            return {"type": TEXT, "text": text, "annotations": [], "logprobs": [*self.logprobs]}
        return {
            "type": self.kind,
            ("refusal" if self.kind == REFUSAL else "text"): text,
        }

    def delta_fields(self, text: str) -> dict[str, Any]:
        if self.kind != TEXT:
            return {"delta": text}
        sent, self.logprobs_sent = self.logprobs_sent, len(self.logprobs)
        return {"delta": text, "logprobs": self.logprobs[sent:]}

    def done_fields(self, text: str) -> dict[str, Any]:
        if self.kind == TEXT:
            return {"text": text, "logprobs": self.logprobs}
        return {("refusal" if self.kind == REFUSAL else "text"): text}


class Sources:
    """What the text that is being written names, until it is closed."""

    def __init__(self) -> None:
        self._annotations: list[dict[str, Any]] = []
        self._citations: dict[str, Citation] = {}

    def note(self, source: Annotation | Citation) -> None:
        """A source named again is one source, with its last title."""
        match source:
            case Annotation(annotation=annotation):
                self._annotations.append(annotation)
            case Citation(url=url):
                self._citations[url] = source

    def take(self, text: str) -> list[dict[str, Any]]:
        """As annotations of the text, and none of the next one."""
        cited = [_cited(citation, text) for citation in self._citations.values()]
        taken = [*self._annotations, *cited]
        self._annotations.clear()
        self._citations.clear()
        return taken


def _cited(citation: Citation, text: str) -> dict[str, Any]:
    """A source of the answer as a whole, as the annotation of one of its texts."""
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": 0,
        "end_index": len(text),
    }


def is_whole(arguments: str) -> bool:
    """Whether nothing more can follow: arguments are one JSON object."""
    try:
        return isinstance(msgspec.json.decode(arguments), dict)
    except (ValueError, RecursionError):
        return False


def parts_of(item: Item | None) -> list[Item]:
    """Where the closed parts of an item that has parts stand."""
    assert item is not None
    parts: list[Item] = item["summary" if item["type"] == REASONING else "content"]
    return parts
