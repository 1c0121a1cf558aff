"""One answer that is streamed as server-sent events: bytes in, deltas out. Pure.

Owns what an answer of any API has in common: its events, its limits, how it ends and breaks off.
Must not know where the bytes come from, nor what an event says: who inherits does.
"""

from abc import ABC, abstractmethod

from chat.providers import failures
from chat.providers.base import Delta, Limits, ProviderError
from chat.providers.sse import EventSplitter
from chat.providers.surrogates import Mender

DONE = b"[DONE]"
# Lines that belong to no event, before the first event: a web page has many.
MAX_STRAY_LINES = 20


class StreamedAnswer(ABC):
    """What has come of one answer.

    `feed` and `end` return deltas and never raise: what was said before a failure is kept, and the
    failure stands in `failure` for the caller to raise once the deltas are delivered.
    `done`: upstream said that nothing follows. `finished`: that, or why the model stopped; then
    usage may follow. `stirred`: what was fed last says nothing, but shows that the model works.
    `is_thinking`: the model began something of which it may say nothing for long.
    """

    __slots__ = (
        "_ended",
        "_events",
        "_heard",
        "_max_chars",
        "_mender",
        "_mending",
        "_room",
        "done",
        "failure",
        "is_thinking",
        "line_bytes",
        "stirred",
    )

    def __init__(self, limits: Limits, line_bytes: int | None = None) -> None:
        self.line_bytes = line_bytes or limits.line_bytes
        self._events = EventSplitter(self.line_bytes)
        self._max_chars = self._room = limits.answer_chars
        self._mender = Mender()
        self._mending = False
        self._heard = False
        self._ended = False
        self.done = False
        self.stirred = False
        self.is_thinking = False
        self.failure: ProviderError | None = None

    # --- what who inherits says

    @property
    def finished(self) -> bool:
        return self.done

    @abstractmethod
    def _take(self, payload: bytes, batch: list[Delta]) -> None:
        """Take the data of one event; mark the answer as heard once it is one."""

    @abstractmethod
    def _take_done(self) -> None:
        """`[DONE]` came."""

    @abstractmethod
    def _conclude(self, batch: list[Delta]) -> None:
        """The answer is complete: what remains to be said, and the finish."""

    @abstractmethod
    def _break_off(self, batch: list[Delta]) -> None:
        """The answer failed, and is over: what remains to be said."""

    # --- what the provider calls

    def feed(self, data: bytes) -> list[Delta]:
        """Take what was read; return the deltas that it completes."""
        batch: list[Delta] = []
        self.stirred = False
        try:
            for payload in self._events.feed(data):
                self._take_event(payload, batch)
        except ProviderError as error:
            if self.finished:
                self.done = True  # What comes is no events any more: usage is not waited for.
            else:
                self.failure = error
                self._break_off(batch)
        if self.done:
            batch += self.end()
        elif not batch and not self._heard and self._events.strays > MAX_STRAY_LINES:
            self.failure = failures.not_a_stream()
        return batch

    def feed_whole(self, body: bytes) -> list[Delta]:
        """Take an answer that came as one JSON body, from a server that does not stream."""
        batch: list[Delta] = []
        try:
            self._take_event(body, batch)
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
            return batch
        if not self.failure:
            strange = self._events.strays and not self._heard
            self.failure = failure or (failures.not_a_stream() if strange else failures.cut())
        self._break_off(batch)
        return batch

    # --- inside

    def _take_remainder(self, batch: list[Delta]) -> None:
        try:
            for payload in self._events.flush():
                self._take_event(payload, batch)
        except ProviderError as error:
            # Half an event is what a cut leaves behind, not a fault in what was sent.
            if error.code != failures.UPSTREAM_PROTOCOL:
                self.failure = error

    def _take_event(self, payload: bytes, batch: list[Delta]) -> None:
        """Take one event. Raises `ProviderError`, but not once the model has finished."""
        if self.done or not payload:
            return
        if payload.startswith(DONE):
            self._take_done()
            return
        try:
            self._take(payload, batch)
        except (ProviderError, ValueError, RecursionError) as error:
            if self.finished:
                return
            if isinstance(error, ProviderError):
                raise
            # A number of thousands of digits, or JSON nested without end.
            raise failures.unreadable("not JSON") from None

    def _kept(self, channel: str, text: str) -> str:
        """The text as it can be kept; may be empty. Raises `ProviderError` when it is too much."""
        if self._mending or "\x00" in text:
            text = self._mender.mend(channel, text)
        self._spend(len(text))
        return text

    def _spend(self, chars: int) -> None:
        self._room -= chars
        if self._room < 0:
            raise failures.answer_too_large(self._max_chars)
