"""One answer of Chat Completions: bytes in, deltas out. Pure: no socket, no clock.

Owns what an answer has said so far and when it is over. Must not know where the bytes come from.
"""

from typing import Any

from chat.providers import failures
from chat.providers.base import (
    Delta,
    Finish,
    Limits,
    ProviderError,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from chat.providers.chat_chunks import Choice, TokenCounts, ToolCall, decode, loads
from chat.providers.citations import Citations
from chat.providers.sse import EventSplitter
from chat.providers.surrogates import REPLACEMENT, Mender
from chat.providers.tool_numbers import ToolNumbers

DONE = b"[DONE]"
MAX_COUNT = 2**31 - 1
# Lines that belong to no event, before the first event: a web page has many.
MAX_STRAY_LINES = 20

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


class ChatAnswer:
    """What has come of one answer.

    `feed` and `end` return deltas and never raise: what was said before a failure is kept, and the
    failure stands in `failure` for the caller to raise once the deltas are delivered.
    `done`: upstream said that nothing follows. `finished`: that, or why the model stopped; then
    usage may follow.
    """

    __slots__ = (
        "_citations",
        "_ended",
        "_events",
        "_finish",
        "_heard",
        "_max_chars",
        "_mender",
        "_mending",
        "_room",
        "_tools",
        "_usage",
        "done",
        "failure",
    )

    def __init__(self, limits: Limits) -> None:
        self._events = EventSplitter(limits.line_bytes)
        self._max_chars = self._room = limits.answer_chars
        self._mender = Mender()
        self._mending = False
        self._tools = ToolNumbers()
        self._citations = Citations()
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._heard = False
        self._ended = False
        self.done = False
        self.failure: ProviderError | None = None

    @property
    def finished(self) -> bool:
        return self.done or self._finish is not None

    def feed(self, data: bytes) -> list[Delta]:
        """Take what was read; return the deltas that it completes."""
        batch: list[Delta] = []
        try:
            for payload in self._events.feed(data):
                self._take(payload, batch)
        except ProviderError as error:
            if self.finished:
                self.done = True  # What comes is no events any more: usage is not waited for.
            else:
                self.failure = error
        if self.done:
            batch += self.end()
        elif not batch and not self._heard and self._events.strays > MAX_STRAY_LINES:
            self.failure = failures.not_a_stream()
        return batch

    def feed_whole(self, body: bytes) -> list[Delta]:
        """Take an answer that came as one JSON body, from a server that does not stream."""
        batch: list[Delta] = []
        try:
            self._take(body, batch)
            if not self._heard:
                raise failures.not_a_stream()
        except ProviderError as error:
            self.failure = error
        self.done = True
        return batch + self.end()

    def end(self, failure: ProviderError | None = None) -> list[Delta]:
        """The stream is over, by `failure` if it broke: the deltas that remain. Once only.

        What breaks after the model has finished takes nothing from the answer.
        """
        batch: list[Delta] = []
        if self._ended or self.failure:
            return batch
        self._ended = True
        if not self.done:
            self._take_remainder(batch)
        if self.finished and not self.failure:
            self._conclude(batch)
        elif not self.failure:
            strange = self._events.strays and not self._heard
            self.failure = failure or (failures.not_a_stream() if strange else failures.cut())
        return batch

    def _take_remainder(self, batch: list[Delta]) -> None:
        try:
            for payload in self._events.flush():
                self._take(payload, batch)
        except ProviderError as error:
            # Half an event is what a cut leaves behind, not a fault in what was sent.
            if error.code != failures.UPSTREAM_PROTOCOL:
                self.failure = error

    def _conclude(self, batch: list[Delta]) -> None:
        batch += [CHANNELS[each](REPLACEMENT) for each in self._mender.held if each in CHANNELS]
        if self._usage is not None:
            batch.append(self._usage)
        finish = self._finish or "stop"
        # Gemini and Ollama call it a stop when the model waits for its tools.
        batch.append(Finish("tool_calls" if finish == "stop" and self._tools else finish))

    def _take(self, payload: bytes, batch: list[Delta]) -> None:
        """Take one event. Raises `ProviderError`, but not once the model has finished."""
        if self.done or not payload:
            return
        if payload.startswith(DONE):
            self.done = True
            return
        try:
            self._take_chunk(payload, batch)
        except (ProviderError, ValueError, RecursionError) as error:
            if self.finished:
                return
            if isinstance(error, ProviderError):
                raise
            # A number of thousands of digits, or JSON nested without end.
            raise failures.unreadable("not JSON") from None

    def _take_chunk(self, payload: bytes, batch: list[Delta]) -> None:
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
        if self._mending or "\x00" in text:
            text = self._mender.mend(channel, text)
            if not text:
                return
        self._spend(len(text))
        batch.append(CHANNELS[channel](text))

    def _call(self, fragment: ToolCall, batch: list[Delta]) -> None:
        delta = self._tools.delta(fragment)
        arguments = self._mender.mend(f"call {delta.index}", delta.arguments)
        if not (arguments or delta.call_id or delta.name):
            return
        self._spend(len(arguments) + len(delta.name or "") + len(delta.call_id or ""))
        batch.append(ToolCallDelta(delta.index, delta.call_id, delta.name, arguments))

    def _spend(self, chars: int) -> None:
        self._room -= chars
        if self._room < 0:
            raise failures.answer_too_large(self._max_chars)

    def _stop(self, reason: str) -> None:
        if reason in FAILED_FINISHES:
            raise failures.server_error()
        self._finish = FINISHES.get(reason, "stop")

    def _raise_reported(self, report: Any) -> None:
        if report:
            raise failures.of_report(report)

    def _raise_if_error_in_itself(self, payload: bytes) -> None:
        """vLLM and its kin send `{"object": "error", "message": …}` with nothing around it."""
        found = loads(payload)
        if isinstance(found, dict) and found.get("object") == "error":
            raise failures.of_report(found)


def usage_of(counts: TokenCounts) -> Usage | None:
    """The counts as ours, or None when upstream left them empty."""
    if counts.prompt_tokens is None and counts.completion_tokens is None:
        return None
    read, written = counts.prompt_tokens or 0, counts.completion_tokens or 0
    cached = counts.prompt_tokens_details and counts.prompt_tokens_details.cached_tokens
    thought = counts.completion_tokens_details and counts.completion_tokens_details.reasoning_tokens
    if thought and counts.total_tokens == read + written + thought:
        written += thought  # xAI counts reasoning beside the output, all others within it
    return Usage(_count(read), _count(written), _count(cached or 0), _count(thought or 0))


def _count(number: int) -> int:
    return min(max(number, 0), MAX_COUNT)
