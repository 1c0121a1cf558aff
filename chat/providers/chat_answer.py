"""One answer of Chat Completions: bytes in, deltas out. Pure: no socket, no clock.

Owns what an answer has said so far and when it is over. Must not know where the bytes come from.
"""

from typing import Any

from chat.providers import failures, reports
from chat.providers.base import (
    Delta,
    Finish,
    Limits,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from chat.providers.chat_chunks import Choice, TokenCounts, ToolCall, decode
from chat.providers.citations import Citations
from chat.providers.loose_json import loads
from chat.providers.streamed_answer import StreamedAnswer
from chat.providers.surrogates import REPLACEMENT
from chat.providers.tool_numbers import ToolNumbers

MAX_COUNT = 2**31 - 1

FINISHES = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "max_tokens": "length",
    "model_length": "length",
}
FAILED_FINISHES = {"error", "insufficient_system_resource"}

Said = type[TextDelta] | type[RefusalDelta] | type[ReasoningDelta]
CHANNELS: dict[str, Said] = {
    "text": TextDelta,
    "refusal": RefusalDelta,
    "reasoning": ReasoningDelta,
}


class ChatAnswer(StreamedAnswer):
    """What has come of one answer. It is finished with its finish reason; usage may follow."""

    __slots__ = ("_citations", "_finish", "_tools", "_usage")

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._tools = ToolNumbers()
        self._citations = Citations()
        self._usage: Usage | None = None
        self._finish: str | None = None

    @property
    def finished(self) -> bool:
        return self.done or self._finish is not None

    def _take_done(self) -> None:
        self.done = True

    def _conclude(self, batch: list[Delta]) -> None:
        batch += [CHANNELS[each](REPLACEMENT) for each in self._mender.held if each in CHANNELS]
        if self._usage is not None:
            batch.append(self._usage)
        finish = self._finish or "stop"
        # Gemini and Ollama call it a stop when the model waits for its tools.
        batch.append(Finish("tool_calls" if finish == "stop" and self._tools else finish))

    def _break_off(self, batch: list[Delta]) -> None:
        """Nothing waits here."""

    def _take(self, payload: bytes, batch: list[Delta]) -> None:
        chunk = decode(payload)
        if chunk.error:
            self._raise_reported(loads(chunk.error))
        self._mending = chunk.mended or bool(self._mender.held)
        if chunk.choices:
            self._heard = True
            for choice in chunk.choices:
                if not choice.index:
                    self._take_choice(choice, batch)
        elif chunk.usage is None:
            self._raise_if_error_in_itself(payload)
        if chunk.usage is not None:
            self._usage = usage_of(chunk.usage) or self._usage
        if chunk.citations or chunk.search_results:
            batch += self._citations.new_in(chunk.search_results, chunk.citations)

    def _take_choice(self, choice: Choice, batch: list[Delta]) -> None:
        piece = choice.delta or choice.message
        if piece is not None:
            reasoning = piece.reasoning_content or piece.reasoning
            if reasoning:
                self._say("reasoning", reasoning, batch)
            if piece.content:
                self._say("text", piece.content, batch)
            if piece.refusal:
                self._say("refusal", piece.refusal, batch)
            if piece.tool_calls:
                for fragment in piece.tool_calls:
                    self._call(fragment, batch)
            if piece.annotations:
                batch += self._citations.new_in(piece.annotations)
        if choice.finish_reason:
            self._stop(choice.finish_reason)

    def _say(self, channel: str, text: str, batch: list[Delta]) -> None:
        text = self._kept(channel, text)
        if text:
            batch.append(CHANNELS[channel](text))

    def _call(self, fragment: ToolCall, batch: list[Delta]) -> None:
        delta = self._tools.delta(fragment)
        arguments = self._mender.mend(f"call {delta.index}", delta.arguments)
        if not (arguments or delta.call_id or delta.name):
            return
        self._spend(len(arguments) + len(delta.name or "") + len(delta.call_id or ""))
        batch.append(ToolCallDelta(delta.index, delta.call_id, delta.name, arguments))

    def _stop(self, reason: str) -> None:
        if reason in FAILED_FINISHES:
            raise failures.server_error()
        self._finish = FINISHES.get(reason, "stop")

    def _raise_reported(self, report: Any) -> None:
        if report:
            raise reports.of_report(report)

    def _raise_if_error_in_itself(self, payload: bytes) -> None:
        """vLLM and its kin send `{"object": "error", "message": …}` with nothing around it."""
        found = loads(payload)
        if isinstance(found, dict) and found.get("object") == "error":
            raise reports.of_report(found)


def usage_of(counts: TokenCounts) -> Usage | None:
    """The counts as ours, or None when upstream left them empty."""
    if counts.prompt_tokens is None and counts.completion_tokens is None:
        return None
    read, written = counts.prompt_tokens or 0, counts.completion_tokens or 0
    cached = counts.prompt_tokens_details.cached_tokens if counts.prompt_tokens_details else None
    details = counts.completion_tokens_details
    thought = details.reasoning_tokens if details else None
    if thought and counts.total_tokens == read + written + thought:
        written += thought  # xAI counts reasoning beside the output, all others within it
    return usage_counted(read, written, cached, thought)


def usage_counted(
    read: int | None, written: int | None, cached: int | None, thought: int | None
) -> Usage:
    """Counts that fit their columns, whatever upstream says."""
    return Usage(*(min(max(each or 0, 0), MAX_COUNT) for each in (read, written, cached, thought)))
