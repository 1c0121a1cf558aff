"""The one contract of everything that produces text: `stream(request) → deltas`.

Owns the shapes that pass between a run and its provider, and the errors that decide what a run does
next. Must not know about sockets, conversations or the database.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from chat.protocol.deltas import (
    Citation,
    Delta,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)

__all__ = [
    "Citation",
    "Delta",
    "Finish",
    "Limits",
    "ModelRequest",
    "Provider",
    "ProviderError",
    "ReasoningDelta",
    "RefusalDelta",
    "TextDelta",
    "ToolCallDelta",
    "Usage",
]


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider is asked. `items`: in the shapes of `chat.protocol.items`, oldest first."""

    model: str
    items: Sequence[dict[str, Any]]
    instructions: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    tools: Sequence[dict[str, Any]] = ()
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    top_logprobs: int | None = None
    include: Sequence[str] | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    user: str | None = None


class ProviderError(Exception):
    """Upstream failed. `code` and `message` are for the user and say what to do.

    `status` is what upstream answered, if it did; `retry_after` is in seconds, if upstream named
    it. `retriable`: another try, or another provider, may well succeed.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        retriable: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.retriable = retriable


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how large an answer may be. Seconds, bytes and characters."""

    connect_seconds: float = 10
    first_delta_seconds: float = 120
    silence_seconds: float = 30
    total_seconds: float = 1800
    line_bytes: int = 1 << 20
    answer_chars: int = 2_000_000


class Provider(Protocol):
    """Produces text. One instance serves a process; every call is one answer."""

    name: str

    async def models(self) -> list[str]:
        """The ids of the models that it offers, the default first. Raises `ProviderError`."""
        ...

    def stream(
        self, request: ModelRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Delta]]]:
        """Open one answer: batches of deltas, one a read from upstream, never empty.

        Leaving the context closes upstream's connection, at once, however far the answer had come.
        Strings hold neither NUL nor lone surrogates: both are replaced by U+FFFD. The last deltas
        are a `Finish` and, if upstream counted, a `Usage`, in any order; an answer that ends
        without a `Finish` was cut and raises. Every failure is a `ProviderError`.
        """
        ...

    async def close(self) -> None:
        """Close what the instance keeps open between answers."""
        ...
