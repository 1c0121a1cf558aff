"""The text of a frame → the object that it holds: not too large, readable, and fit to be kept."""

import json
from typing import Any

import msgspec

from chat.protocol.errors import BadRequest, TooLarge

# Whatever takes a frame apart or puts it together again recurses, here and further down, where the
# stack may be fuller than it is now.
MAX_NESTING = 200


def decode(text: str, max_bytes: int) -> dict[str, Any]:
    """The object that a text frame holds. Raises `BadRequest` or `TooLarge`."""
    # Four bytes a character at the most: most frames need no count.
    if len(text) * 4 > max_bytes and len(text.encode()) > max_bytes:
        raise TooLarge("frame_too_large", f"A frame may have {max_bytes} bytes.")
    try:
        frame = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        raise _why_unreadable(text) from None
    if not isinstance(frame, dict):
        raise BadRequest("invalid_frame", "A frame must be a JSON object.")
    if "\\u0000" in text and _holds_nul(frame):
        raise BadRequest("invalid_text", "Text must not hold NUL characters.")
    if text.count("{") + text.count("[") > MAX_NESTING and _is_deep(frame):
        raise BadRequest("invalid_frame", f"A frame may be nested {MAX_NESTING} levels deep.")
    return frame


def _why_unreadable(text: str) -> BadRequest:
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return BadRequest("invalid_text", "Text must not hold unpaired surrogates.")
    except (ValueError, RecursionError):
        pass
    return BadRequest("invalid_json", "The frame is not valid JSON.")


def _holds_nul(frame: dict[str, Any]) -> bool:
    """By a list of what is left to look at: a frame may be nested deeper than calls may be."""
    left: list[Any] = [frame]
    while left:
        value = left.pop()
        if isinstance(value, str):
            if "\x00" in value:
                return True
        elif isinstance(value, dict):
            left += value
            left += value.values()
        elif isinstance(value, list):
            left += value
    return False


def _is_deep(frame: dict[str, Any]) -> bool:
    """Level by level: whether there are more levels than may be."""
    level: list[Any] = [frame]
    for _ in range(MAX_NESTING):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for values in inner for each in values if isinstance(each, dict | list)]
    return bool(level)
