"""The payloads of a Chat Completions stream → typed chunks. Pure.

Owns how upstreams spell things and what is forgiven. The usual chunk is decoded in one pass; one
that the strict decoder refuses (a lone surrogate, bad UTF-8, a field of another type) is read again
with patience, and loses only what cannot be kept. Must not know what came before or after.
"""

import json
from typing import Any

import msgspec

from chat.providers import failures
from chat.providers.loose_json import integer, listing, loads, mapping, raw, text


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Piece(msgspec.Struct, gc=False):
    """What a chunk adds. DeepSeek, xAI and vLLM say `reasoning_content`, others `reasoning`."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    annotations: msgspec.Raw = msgspec.Raw()


class Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: Piece | None = None
    message: Piece | None = None
    finish_reason: str | None = None


class PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class TokenCounts(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class Chunk(msgspec.Struct, gc=False):
    """One payload. Raw fields are decoded only when they are there and new."""

    choices: list[Choice] | None = None
    usage: TokenCounts | None = None
    citations: msgspec.Raw = msgspec.Raw()
    search_results: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    mended: bool = False


_decode = msgspec.json.Decoder(Chunk).decode


def decode(payload: bytes) -> Chunk:
    """The chunk of a payload. Raises `ProviderError` when it is no JSON object at all."""
    try:
        return _decode(payload)
    except (ValueError, RecursionError):
        return _read_patiently(payload)


def _read_patiently(payload: bytes) -> Chunk:
    try:
        found = loads(payload)
    except (ValueError, RecursionError):
        raise failures.unreadable("not JSON") from None
    if not isinstance(found, dict):
        raise failures.unreadable("not a chunk of an answer")
    return Chunk(
        choices=[_choice(each) for each in listing(found, "choices") if isinstance(each, dict)],
        usage=_counts(mapping(found, "usage")),
        citations=raw(found, "citations"),
        search_results=raw(found, "search_results"),
        error=raw(found, "error"),
        mended=True,
    )


def _choice(found: dict[str, Any]) -> Choice:
    return Choice(
        index=integer(found, "index"),
        delta=_piece(mapping(found, "delta")),
        message=_piece(mapping(found, "message")),
        finish_reason=text(found, "finish_reason"),
    )


def _piece(found: dict[str, Any] | None) -> Piece | None:
    if found is None:
        return None
    return Piece(
        content=text(found, "content") or _parts(found, "text"),
        reasoning_content=text(found, "reasoning_content") or _parts(found, "thinking"),
        reasoning=text(found, "reasoning"),
        refusal=text(found, "refusal"),
        tool_calls=[_call(each) for each in listing(found, "tool_calls") if isinstance(each, dict)],
        annotations=raw(found, "annotations"),
    )


def _parts(found: dict[str, Any], kind: str) -> str | None:
    """Mistral's reasoning models send `content` as parts, whose own value may be parts again."""
    texts = [
        text(part, kind) or _parts({"content": part.get(kind)}, "text") or ""
        for part in listing(found, "content")
        if isinstance(part, dict) and part.get("type") == kind
    ]
    return "".join(texts) or None


def _call(found: dict[str, Any]) -> ToolCall:
    function = mapping(found, "function") or {}
    arguments = function.get("arguments")
    if isinstance(arguments, dict | list):  # seen from servers that parse them first
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCall(
        index=integer(found, "index"),
        id=text(found, "id"),
        function=Function(
            name=text(function, "name"),
            arguments=arguments if isinstance(arguments, str) else None,
        ),
    )


def _counts(found: dict[str, Any] | None) -> TokenCounts | None:
    if found is None:
        return None
    return TokenCounts(
        prompt_tokens=integer(found, "prompt_tokens"),
        completion_tokens=integer(found, "completion_tokens"),
        total_tokens=integer(found, "total_tokens"),
        prompt_tokens_details=PromptDetails(
            integer(mapping(found, "prompt_tokens_details") or {}, "cached_tokens")
        ),
        completion_tokens_details=CompletionDetails(
            integer(mapping(found, "completion_tokens_details") or {}, "reasoning_tokens")
        ),
    )
