"""Which function call a fragment belongs to, whatever upstream numbers it. Pure.

OpenAI numbers each call and names it once. Mistral gives no index, Gemini gives every parallel call
the index 0, Alibaba repeats an empty id: what is stable is that a call begins with a name.
"""

from chat.providers.base import ToolCallDelta
from chat.providers.chat_chunks import Function, ToolCall
from chat.providers.surrogates import keepable

_NO_FUNCTION = Function()


class ToolNumbers:
    """Numbers the calls of one answer from 0, in the order in which they began."""

    __slots__ = ("_calls", "_ids", "_named", "_of_index")

    def __init__(self) -> None:
        self._calls = 0
        self._of_index: dict[int | None, int] = {}
        self._ids: dict[int, str] = {}
        self._named: set[int] = set()

    def __bool__(self) -> bool:
        return self._calls > 0

    def delta(self, fragment: ToolCall) -> ToolCallDelta:
        """The fragment as a delta; id and name are in it only when they are first known."""
        function = fragment.function or _NO_FUNCTION
        call_id = keepable(fragment.id or "") or None
        name = keepable(function.name or "") or None
        number = self._number(fragment.index, call_id, name)
        if number in self._ids:
            call_id = None
        elif call_id is not None:
            self._ids[number] = call_id
        if number in self._named:
            name = None
        elif name is not None:
            self._named.add(number)
        return ToolCallDelta(number, call_id, name, function.arguments or "")

    def _number(self, index: int | None, call_id: str | None, name: str | None) -> int:
        known = self._of_index.get(index)
        if known is None and index is None and self._calls:
            known = self._calls - 1
        if known is not None and not self._begins(known, index, call_id, name):
            return known
        number = self._calls
        self._calls += 1
        self._of_index[index] = number
        return number

    def _begins(self, known: int, index: int | None, call_id: str | None, name: str | None) -> bool:
        """Whether a fragment opens another call, although its index is known or missing."""
        if name is None:
            return False
        if call_id is not None:
            return self._ids.get(known, call_id) != call_id
        return index is None and known in self._named
