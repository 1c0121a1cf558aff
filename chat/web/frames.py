"""Frames that answer a client: errors, the steering events, and our own."""

from collections.abc import Sequence
from typing import Any

from chat.engine.notices import SteerFailed, SteerHeld
from chat.protocol.errors import WireError, error_frame
from chat.protocol.events import encode_events, encode_json, terminal_event
from chat.protocol.items import Item
from chat.protocol.requests import BadSteer
from chat.queries import StoredResponse


def text_of(frame: dict[str, Any]) -> str:
    return encode_json(frame).decode()


def refusal(error: WireError, echo: dict[str, str | None], number: int = 0) -> str:
    """The answer to a frame that was refused. A steer's input is given back."""
    if not isinstance(error, BadSteer):
        return text_of(error_frame(error, **echo))
    frame = _steer_failed(
        {"input": error.given, "previous_response_id": error.previous_response_id},
        error.code,
        error.message,
        number,
    )
    frame["error"]["type"] = error.type
    return text_of(_with(frame, event_id=echo.get("event_id"), stream_id=echo.get("stream_id")))


def last_event(stored: StoredResponse, output: Sequence[Item], number: int) -> str:
    """The event that ended a response, made of what is kept of it."""
    event = terminal_event(stored.as_object(output))
    return encode_events(stored.info.id, number, [event])[0]


def steer_accepted(
    steer_id: str, response_id: str, number: int, stream_id: str | None, event_id: str | None
) -> str:
    frame: dict[str, Any] = {
        "type": "response.steer.accepted",
        "sequence_number": number,
        "steer": {"id": steer_id, "previous_response_id": response_id},
    }
    return text_of(_with(frame, stream_id=stream_id, event_id=event_id))


def steer_pending(held: SteerHeld, number: int, stream_id: str | None) -> str:
    frame: dict[str, Any] = {
        "type": "response.steer.pending",
        "sequence_number": number,
        "steer": {"id": held.steer_id, "previous_response_id": held.response_id},
        "reason": "waiting_for_required_input",
        "required_input": held.required_input,
    }
    return text_of(_with(frame, stream_id=stream_id))


def steer_given_back(failed: SteerFailed, number: int, stream_id: str | None) -> str:
    steer = {
        "id": failed.steer_id,
        "input": failed.given,
        "previous_response_id": failed.response_id,
    }
    frame = _steer_failed(steer, failed.code, failed.message, number)
    return text_of(_with(frame, stream_id=stream_id))


def _steer_failed(steer: dict[str, Any], code: str, message: str, number: int) -> dict[str, Any]:
    return {
        "type": "response.steer.failed",
        "sequence_number": number,
        "error": {"type": "invalid_request_error", "code": code, "message": message},
        "steer": steer,
    }


def ours(kind: str, number: int = 0, event_id: str | None = None, **fields: Any) -> str:
    """A frame `interject:kind`. `number` is the last one of the response it speaks of."""
    frame = {"type": f"interject:{kind}", "sequence_number": max(number, 0), **fields}
    return text_of(_with(frame, event_id=event_id))


def receipt(
    stored: StoredResponse, kept: dict[str, Any], text_chars: int, seen: int
) -> dict[str, Any]:
    """The receipt of a stored response, from what its end kept of the cancel."""
    usage = stored.usage or {}
    return receipt_of(kept, stored.status, usage, text_chars, seen)


def receipt_of(
    kept: dict[str, Any], status: str, usage: dict[str, Any], text_chars: int, seen: int
) -> dict[str, Any]:
    """What whoever cancelled is told. Times are seconds of the epoch."""
    asked_at = kept.get("asked_at")
    closed_at = kept.get("upstream_closed_at")
    latency = None
    if asked_at is not None and closed_at is not None:
        latency = round(max(0.0, closed_at - asked_at) * 1000, 1)
    return {
        "asked_by": kept.get("asked_by"),
        "asked_at": asked_at,
        "upstream_closed_at": closed_at,
        "latency_ms": latency,
        "status": status,
        "usage": usage,
        "cost": None,
        "text_chars": text_chars,
        "seen_sequence_number": kept.get("seen_sequence_number", seen),
    }


def _with(frame: dict[str, Any], **optional: str | None) -> dict[str, Any]:
    frame.update({name: value for name, value in optional.items() if value is not None})
    return frame
