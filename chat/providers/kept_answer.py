"""An answer that is kept to be given again: what is worth keeping, and its way to a text and back.

Owns the recording of one answer, its form as JSON, and the pieces in which it is said again. Knows
neither where it is kept nor for whom.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

import msgspec

from chat.protocol.deltas import (
    Delta,
    Finish,
    ProviderChosen,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    WholeItem,
)
from chat.protocol.items import REASONING

WHOLE = frozenset({"stop", "tool_calls"})
# Enough to be a stream that can be stopped, few enough to be quick: each waits for a beat of the
# pulse.
MOST_PIECES = 8
LEAST_PIECE_CHARS = 2_000

_KINDS: dict[str, type] = {kind.__name__: kind for kind in get_args(Delta)}
_TEXTS = (TextDelta, ReasoningDelta)


class KeptAnswer(msgspec.Struct, frozen=True):
    """`provider` is the name of who gave it. The deltas end with how it finished."""

    provider: str
    deltas: Sequence[Delta]


class Recording:
    """Takes down an answer as it passes, while it is worth keeping and no longer than `most_chars`.

    `provider`: who answers, the one handed in until a delta says otherwise.
    """

    def __init__(self, provider: str, most_chars: int) -> None:
        self.provider = provider
        self._room = most_chars
        self._deltas: list[Delta] = []
        self._like: list[Delta] = []
        self._is_good = True
        self._finish: str | None = None

    def take(self, deltas: Sequence[Delta]) -> None:
        for delta in deltas:
            if not self._is_good:
                return
            self._take(delta)

    def answer(self) -> KeptAnswer | None:
        """The answer, now that it has ended. None: it is nothing to be given again."""
        self._settle()
        said = any(not isinstance(each, Usage | Finish) for each in self._deltas)
        if not self._is_good or self._finish not in WHOLE or not said:
            return None
        return KeptAnswer(self.provider, self._deltas)

    def _take(self, delta: Delta) -> None:
        if isinstance(delta, ProviderChosen):
            self.provider = delta.name
            return
        if isinstance(delta, Finish):
            self._finish = delta.reason
        self._room -= weight(delta)
        if self._room < 0 or not _may_be_kept(delta):
            self._is_good = False
            self._deltas, self._like = [], []
            return
        if self._like and not _continues(self._like[0], delta):
            self._settle()
        self._like.append(delta)

    def _settle(self) -> None:
        """Tokens that came one by one become one text."""
        if self._like:
            self._deltas.append(_joined(self._like))
            self._like = []


def weight(delta: Delta) -> int:
    """Characters of a delta, roughly."""
    if isinstance(delta, TextDelta | ReasoningDelta):
        return len(delta.text)
    if isinstance(delta, ToolCallDelta):
        return len(delta.arguments)
    return 0 if isinstance(delta, Finish | Usage) else len(msgspec.json.encode(delta))


def _may_be_kept(delta: Delta) -> bool:
    """Not refusals; nor items of hosted tools, which may name what only their server holds."""
    if isinstance(delta, WholeItem):
        return delta.item.get("type") == REASONING
    return not isinstance(delta, RefusalDelta)


def _continues(first: Delta, delta: Delta) -> bool:
    if isinstance(first, ToolCallDelta):
        return isinstance(delta, ToolCallDelta) and delta.index == first.index
    return isinstance(first, _TEXTS) and type(delta) is type(first)


def _joined(like: Sequence[Any]) -> Delta:
    """Deltas that continue each other as one. A call's id is forgotten: each time it is said it
    gets another one, or a branch that asks twice would hold two calls of one name.
    """
    first = like[0]
    if isinstance(first, ToolCallDelta):
        name = next((each.name for each in like if each.name), None)
        return ToolCallDelta(first.index, None, name, "".join(each.arguments for each in like))
    if isinstance(first, _TEXTS):
        return type(first)("".join(each.text for each in like))
    delta: Delta = first
    return delta


# --- as a text


def encode(answer: KeptAnswer) -> str:
    deltas = [[type(each).__name__, msgspec.structs.asdict(each)] for each in answer.deltas]
    return msgspec.json.encode({"provider": answer.provider, "deltas": deltas}).decode()


def decode(text: str) -> KeptAnswer:
    """Raises `ValueError` for anything but what `encode` made of a whole answer."""
    try:
        kept = msgspec.json.decode(text, type=_Text)
        deltas = [_delta(kind, fields) for kind, fields in kept.deltas]
    except (msgspec.DecodeError, KeyError, RecursionError) as error:
        raise ValueError(f"not an answer: {error}") from error
    finishes = {each.reason for each in deltas if isinstance(each, Finish)}
    if not finishes or not finishes <= WHOLE:
        raise ValueError("not a whole answer")
    return KeptAnswer(kept.provider, deltas)


def _delta(kind: str, fields: dict[str, Any]) -> Delta:
    delta: Delta = msgspec.convert(fields, _KINDS[kind])
    return delta


class _Text(msgspec.Struct, frozen=True):
    provider: str
    deltas: list[tuple[str, dict[str, Any]]]


# --- said again


def pieces(answer: KeptAnswer) -> Iterator[list[Delta]]:
    """Batches of deltas. How it finished comes with the last of its text."""
    total = sum(map(weight, answer.deltas))
    most_chars = max(LEAST_PIECE_CHARS, -(-total // MOST_PIECES))
    piece: list[Delta] = []
    room = most_chars
    for delta in _split(answer.deltas, most_chars):
        if piece and weight(delta) > room:
            yield piece
            piece, room = [], most_chars
        piece.append(delta)
        room -= weight(delta)
    yield piece


def _split(deltas: Iterable[Delta], most_chars: int) -> Iterator[Delta]:
    for delta in deltas:
        if weight(delta) > most_chars and isinstance(delta, ToolCallDelta):
            for place in range(0, len(delta.arguments), most_chars):
                name = None if place else delta.name
                arguments = delta.arguments[place : place + most_chars]
                yield ToolCallDelta(delta.index, None, name, arguments)
        elif isinstance(delta, _TEXTS):
            for place in range(0, len(delta.text), most_chars):
                yield type(delta)(delta.text[place : place + most_chars])
        else:
            yield delta
