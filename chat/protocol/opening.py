"""Items as they are when they are opened, with ids of our own. Knows nothing of events."""

from typing import Any

from chat.protocol import foreign, ids
from chat.protocol.deltas import ToolCallDelta, WholeItem
from chat.protocol.items import FUNCTION_CALL, MESSAGE, REASONING, Item

# What an item is announced without: it follows when the item is closed.
MAX_ANNOUNCED_CHARS = 1_000


def message(phase: str | None = None) -> Item:
    item = {
        "type": MESSAGE,
        "id": ids.message_id(),
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    return {**item, "phase": phase} if phase else item


def reasoning() -> Item:
    return {
        "type": REASONING,
        "id": ids.reasoning_id(),
        "status": "in_progress",
        "summary": [],
    }


def call(delta: ToolCallDelta) -> Item:
    """A function call. An id that is missing or cannot be kept is minted anew."""
    call_id = delta.call_id
    if not call_id or len(call_id) > ids.MAX_ID_CHARS:
        call_id = ids.call_id()
    return {
        "type": FUNCTION_CALL,
        "id": ids.function_call_id(),
        "call_id": call_id,
        "name": delta.name or "",
        "arguments": "",
        "status": "in_progress",
    }


def whole(delta: WholeItem) -> tuple[Item, str]:
    """The item, and the status that it closes with."""
    item = foreign.as_kept(delta.item)
    if item["type"] == REASONING and "interject" in delta.item:
        item["interject"] = delta.item["interject"]
    status = "completed" if item["status"] == "in_progress" else item["status"]
    return {**item, "status": "in_progress"}, status


def announced(item: Item) -> Item:
    """The item without what it is to be filled with."""
    return {name: _announced(value) for name, value in item.items()}


def _announced(value: Any) -> Any:
    if isinstance(value, list):
        return []
    if isinstance(value, str) and len(value) > MAX_ANNOUNCED_CHARS:
        return ""
    return value
