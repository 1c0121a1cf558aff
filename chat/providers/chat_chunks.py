"""The payloads of a Chat Completions stream → typed chunks. Pure.

Owns how upstreams spell things and what is forgiven. The usual chunk is decoded in one pass; one
that the strict decoder refuses (a lone surrogate, bad UTF-8, a field of another type) is read again
with patience, and loses only what cannot be kept. Must not know what came before or after.
"""

import json
from typing import Any

import msgspec

from chat.providers import failures


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


def loads(raw: bytes | msgspec.Raw) -> Any:
    """Any JSON, forgiving bad UTF-8, control characters and lone surrogates.

    Raises ValueError for what is not JSON and RecursionError for what is nested without end.
    """
    return json.loads(bytes(raw).decode("utf-8", "replace"), strict=False)


def _read_patiently(payload: bytes) -> Chunk:
    try:
        found = loads(payload)
    except (ValueError, RecursionError):
        raise failures.unreadable("not JSON") from None
    if not isinstance(found, dict):
        raise failures.unreadable("not a chunk of an answer")
    return Chunk(
        choices=[_choice(each) for each in _list(found, "choices") if isinstance(each, dict)],
        usage=_counts(_dict(found, "usage")),
        citations=_raw(found, "citations"),
        search_results=_raw(found, "search_results"),
        error=_raw(found, "error"),
        mended=True,
    )


def _choice(found: dict[str, Any]) -> Choice:
    return Choice(
        index=_int(found, "index"),
        delta=_piece(_dict(found, "delta")),
        message=_piece(_dict(found, "message")),
        finish_reason=_text(found, "finish_reason"),
    )


def _piece(found: dict[str, Any] | None) -> Piece | None:
    if found is None:
        return None
    return Piece(
        content=_text(found, "content") or _parts(found, "text"),
        reasoning_content=_text(found, "reasoning_content") or _parts(found, "thinking"),
        reasoning=_text(found, "reasoning"),
        refusal=_text(found, "refusal"),
        tool_calls=[_call(each) for each in _list(found, "tool_calls") if isinstance(each, dict)],
        annotations=_raw(found, "annotations"),
    )


def _parts(found: dict[str, Any], kind: str) -> str | None:
    """Mistral's reasoning models send `content` as parts, whose own value may be parts again."""
    texts = [
        _text(part, kind) or _parts({"content": part.get(kind)}, "text") or ""
        for part in _list(found, "content")
        if isinstance(part, dict) and part.get("type") == kind
    ]
    return "".join(texts) or None


def _call(found: dict[str, Any]) -> ToolCall:
    function = _dict(found, "function") or {}
    arguments = function.get("arguments")
    if isinstance(arguments, dict | list):  # seen from servers that parse them first
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCall(
        index=_int(found, "index"),
        id=_text(found, "id"),
        function=Function(
            name=_text(function, "name"),
            arguments=arguments if isinstance(arguments, str) else None,
        ),
    )


def _counts(found: dict[str, Any] | None) -> TokenCounts | None:
    if found is None:
        return None
    return TokenCounts(
        prompt_tokens=_int(found, "prompt_tokens"),
        completion_tokens=_int(found, "completion_tokens"),
        total_tokens=_int(found, "total_tokens"),
        prompt_tokens_details=PromptDetails(
            _int(_dict(found, "prompt_tokens_details") or {}, "cached_tokens")
        ),
        completion_tokens_details=CompletionDetails(
            _int(_dict(found, "completion_tokens_details") or {}, "reasoning_tokens")
        ),
    )


def _text(found: dict[str, Any], key: str) -> str | None:
    value = found.get(key)
    return value if isinstance(value, str) else None


def _int(found: dict[str, Any], key: str) -> int | None:
    value = found.get(key)
    return int(value) if isinstance(value, int | float) and abs(value) < 2**53 else None


def _dict(found: dict[str, Any], key: str) -> dict[str, Any] | None:
    value = found.get(key)
    return value if isinstance(value, dict) else None


def _list(found: dict[str, Any], key: str) -> list[Any]:
    value = found.get(key)
    return value if isinstance(value, list) else []


def _raw(found: dict[str, Any], key: str) -> msgspec.Raw:
    # ASCII only: escapes carry lone surrogates where UTF-8 cannot.
    return msgspec.Raw(json.dumps(found[key]).encode()) if key in found else msgspec.Raw()
