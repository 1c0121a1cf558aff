"""What a response says: the response object, its events, and their encoding.

An event is encoded once, when it gets its number. The text made then is what is kept, what a replay
sends, and what every viewer sees.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from chat.protocol import lifecycle
from chat.protocol.deltas import Usage
from chat.protocol.items import Item

CHARS_A_TOKEN = 4  # The usual rule of thumb for English; only estimates rest on it.

# Whether an answer came from the cache, as the wire and the table have it. `unused`: it was asked
# for, and nobody looked; the table does not have that.
CACHE_HIT = "hit"
CACHE_MISS = "miss"
CACHE_UNUSED = "unused"

_encoder = msgspec.json.Encoder()
encode_json = _encoder.encode


class ResponseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What of a response does not change as it runs.

    `created_at` is in seconds of the epoch, with fractions: it orders the responses of a
    conversation. `request`: what was asked, less its input.
    """

    id: str
    created_at: float
    model: str
    request: Mapping[str, Any]
    metadata: Mapping[str, str]
    store: bool = True
    conversation_id: str | None = None
    previous_response_id: str | None = None
    event_ids: Sequence[str] = ()
    created_by: str | None = None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a response ended. `ended_at` is in seconds of the epoch."""

    status: str
    ended_at: float
    reason: str | None = None
    error: Mapping[str, Any] | None = None


# What the schema wants where the client said nothing.
_DEFAULTS: dict[str, Any] = {
    "instructions": None,
    "temperature": 1.0,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}},
    "reasoning": None,
    "truncation": "disabled",
    "service_tier": "default",
    "safety_identifier": None,
    "prompt_cache_key": None,
}


def response_object(
    info: ResponseInfo,
    *,
    status: str = lifecycle.IN_PROGRESS,
    output: Sequence[Item] = (),
    usage: Mapping[str, Any] | None = None,
    ending: Ending | None = None,
    provider: str | None = None,
    switches: Sequence[Mapping[str, Any]] = (),
    cache: str = "",
) -> dict[str, Any]:
    """A response as every transport shows it, with all the fields that the schema requires.

    `provider`: who answered, where that is settled. `switches`: who took over from whom. `cache`:
    whether the answer was found there; empty: nobody looked.
    """
    completed = ending is not None and ending.status == lifecycle.COMPLETED
    response: dict[str, Any] = {
        "id": info.id,
        "object": "response",
        "created_at": int(info.created_at),
        "completed_at": int(ending.ended_at) if ending and completed else None,
        "status": ending.status if ending else status,
        "incomplete_details": {"reason": ending.reason} if ending and ending.reason else None,
        "model": info.model,
        "previous_response_id": info.previous_response_id,
        "output": output,
        "error": ending.error if ending else None,
        "usage": usage,
        "store": info.store,
        "background": False,
        "metadata": info.metadata,
    }
    for name, default in _DEFAULTS.items():
        response[name] = info.request.get(name, default)
    if info.conversation_id is not None:
        response["conversation"] = {"id": info.conversation_id}
    if info.created_by is not None:
        response["interject"] = {
            "event_id": info.event_ids[0] if info.event_ids else None,
            "event_ids": info.event_ids,
            "created_by": info.created_by,
            **_answered_by(info, ending, provider, switches, cache),
        }
    if info.request.get("user") is not None:
        response["user"] = info.request["user"]
    return response


def _answered_by(
    info: ResponseInfo,
    ending: Ending | None,
    provider: str | None,
    switches: Sequence[Mapping[str, Any]],
    cache: str,
) -> dict[str, Any]:
    """What is told of where the answer came from, as far as there is something to tell."""
    told: dict[str, Any] = {}
    if provider:
        told["provider"] = provider
    if switches:
        told["switches"] = switches
    if ending is not None and (cache or cache_wish(info)):
        told["cache"] = cache or CACHE_UNUSED
    return told


def cache_wish(info: ResponseInfo) -> bool | None:
    """Whether the prompt asked for the cache, or for none. None: it left that to the service."""
    wish: bool | None = info.request.get("interject", {}).get("cache")
    return wish


def usage_object(usage: Usage | None, input_chars: int, output_chars: int) -> dict[str, Any]:
    """Tokens. Where upstream gave none they are estimated from characters, and marked so."""
    if usage is not None:
        return counted_usage(usage, estimated=False)
    estimate = Usage(estimate_tokens(input_chars), estimate_tokens(output_chars))
    return counted_usage(estimate, estimated=True)


def counted_usage(usage: Usage, *, estimated: bool) -> dict[str, Any]:
    """`usage` as the wire has it, from counts."""
    counted: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        # The `openai` package wants both; nobody upstream tells the second.
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if estimated:
        counted["estimated"] = True
    return counted


def estimate_tokens(chars: int) -> int:
    return -(-chars // CHARS_A_TOKEN)


def terminal_event(response: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": lifecycle.TERMINAL_EVENTS[response["status"]], "response": response}


def encode_events(
    response_id: str, first_number: int, events: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Number and encode, one JSON text an event. JSON escapes line ends, so none holds one."""
    texts = []
    for number, event in enumerate(events, first_number):
        numbered = {
            "type": event["type"],
            "sequence_number": number,
            "response_id": response_id,
            **event,
        }
        texts.append(_encoder.encode(numbered).decode())
    return texts
