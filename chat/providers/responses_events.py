"""The payloads of a Responses stream → typed events. Pure.

Owns what of an event is looked at. The usual event is decoded in one pass, and what is large in it
is left raw; one that the strict decoder refuses is read again with patience. Must not know what
came before or after.
"""

import json
from typing import Any

import msgspec

from chat.providers import failures
from chat.providers.loose_json import integer, listing, loads, mapping, raw, text

NOTHING = msgspec.Raw()
NULL = b"null"


class Event(msgspec.Struct, gc=False):
    """One payload. `object` is there when it is a whole response, from a server that does not
    stream.
    """

    type: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    item_id: str | None = None
    delta: str | None = None
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    logprobs: msgspec.Raw = NOTHING
    item: msgspec.Raw = NOTHING
    part: msgspec.Raw = NOTHING
    annotation: msgspec.Raw = NOTHING
    response: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING
    object: str | None = None
    mended: bool = False


class Head(msgspec.Struct, gc=False):
    """What an item says of itself when it is opened."""

    type: str | None = None
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    phase: str | None = None


class TokenDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class TokenCounts(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: TokenDetails | None = None
    output_tokens_details: TokenDetails | None = None


class Reason(msgspec.Struct, gc=False):
    reason: str | None = None


class Closed(msgspec.Struct, gc=False):
    """A response as its last event has it."""

    status: str | None = None
    error: msgspec.Raw = NOTHING
    incomplete_details: Reason | None = None
    output: list[msgspec.Raw] | None = None
    usage: TokenCounts | None = None


_decode = msgspec.json.Decoder(Event).decode
_decode_head = msgspec.json.Decoder(Head).decode
_decode_closed = msgspec.json.Decoder(Closed).decode


def decode(payload: bytes) -> Event:
    """The event of a payload. Raises `ProviderError` when it is no JSON object at all."""
    try:
        return _decode(payload)
    except (ValueError, RecursionError):
        return _read_patiently(payload)


def head_of(item: msgspec.Raw) -> Head:
    try:
        return _decode_head(item)
    except (ValueError, RecursionError):
        found = object_of(item)
        return Head(**{name: text(found, name) for name in Head.__struct_fields__})


def closed(response: msgspec.Raw) -> Closed:
    try:
        return _decode_closed(response)
    except (ValueError, RecursionError):
        return _closed_patiently(object_of(response))


def object_of(value: msgspec.Raw) -> dict[str, Any]:
    """A JSON object, empty if it is none. Raises ValueError or RecursionError for no JSON."""
    found = loads(value) if is_there(value) else None
    return found if isinstance(found, dict) else {}


def is_there(value: msgspec.Raw) -> bool:
    return len(bytes(value)) > 0 and bytes(value) != NULL


def _read_patiently(payload: bytes) -> Event:
    try:
        found = loads(payload)
    except (ValueError, RecursionError):
        raise failures.unreadable("not JSON") from None
    if not isinstance(found, dict):
        raise failures.unreadable("not an event of an answer")
    arguments = found.get("arguments")
    if isinstance(arguments, dict):  # seen from servers that parse them first
        arguments = json.dumps(arguments, ensure_ascii=False)
    return Event(
        type=text(found, "type"),
        output_index=integer(found, "output_index"),
        content_index=integer(found, "content_index"),
        summary_index=integer(found, "summary_index"),
        item_id=text(found, "item_id"),
        delta=text(found, "delta"),
        text=text(found, "text"),
        refusal=text(found, "refusal"),
        arguments=arguments if isinstance(arguments, str) else None,
        logprobs=raw(found, "logprobs"),
        item=raw(found, "item"),
        part=raw(found, "part"),
        annotation=raw(found, "annotation"),
        response=raw(found, "response"),
        error=raw(found, "error"),
        object=text(found, "object"),
        mended=True,
    )


def _closed_patiently(found: dict[str, Any]) -> Closed:
    usage = mapping(found, "usage")
    return Closed(
        status=text(found, "status"),
        error=raw(found, "error"),
        incomplete_details=Reason(text(mapping(found, "incomplete_details") or {}, "reason")),
        output=[raw({"item": each}, "item") for each in listing(found, "output")],
        usage=_counts(usage) if usage is not None else None,
    )


def _counts(found: dict[str, Any]) -> TokenCounts:
    read = mapping(found, "input_tokens_details") or {}
    written = mapping(found, "output_tokens_details") or {}
    return TokenCounts(
        integer(found, "input_tokens"),
        integer(found, "output_tokens"),
        TokenDetails(cached_tokens=integer(read, "cached_tokens")),
        TokenDetails(reasoning_tokens=integer(written, "reasoning_tokens")),
    )
