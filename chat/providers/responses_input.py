"""Our items → the input of a Responses request. Pure.

Owns what of a history is told, and how; nearly all goes as it is. Must not know settings. What
cannot be told raises `ProviderError` with code `invalid_prompt`.

Nothing is stored upstream, so an id of ours names nothing there. OpenAI looks up what it knows by
its kind of id, and refuses what it does not find: to it, messages, reasoning and calls go without
ids. Other servers check items by types in which ids, a status and annotations are required.
"""

from collections.abc import Sequence
from typing import Any

from chat.protocol.items import (
    FUNCTION_CALL,
    FUNCTION_CALL_OUTPUT,
    MESSAGE,
    REASONING,
    REFERENCE,
    TOLD_AS_TEXT,
)
from chat.providers import failures

Item = dict[str, Any]

# Items of hosted tools that have no status, and must not be given one.
WITHOUT_STATUS = {
    "compaction",
    "custom_tool_call",
    "custom_tool_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_list_tools",
}


def told(items: Sequence[Item], *, openai: bool, origin: str = "") -> list[Item]:
    """The whole context, oldest first. `origin`: the mark of what this upstream has sealed."""
    found = [item for each in items for item in _told(each, openai, origin)]
    return _without_loose_reasoning(found) if openai else found


def _told(item: Item, openai: bool, origin: str) -> list[Item]:
    kind = item.get("type") or MESSAGE
    if kind == MESSAGE:
        return _message(item, openai)
    if kind == FUNCTION_CALL:
        return _call(item, openai)
    if kind == FUNCTION_CALL_OUTPUT:
        output = item.get("output") or ""
        if not isinstance(output, str):
            output = [_part(part) for part in output]
        return [{"type": kind, "call_id": item.get("call_id") or "", "output": output}]
    if kind == REASONING:
        return _reasoning(item, openai, origin)
    if kind == REFERENCE:
        raise failures.cannot_take(f"items of type {REFERENCE}")
    return [_foreign(item)]


def _message(item: Item, openai: bool) -> list[Item]:
    role, content = item.get("role"), item.get("content")
    if role != "assistant":
        parts = content if isinstance(content, str) else [_part(part) for part in content or ()]
        return [{"type": MESSAGE, "role": role, "content": parts}]
    if not content:
        return []  # Cancelled before its first word: it says nothing, and some servers refuse it.
    if isinstance(content, str):
        content = [{"type": "output_text", "text": content}]
    message = {"type": MESSAGE, "role": role, "content": [_said(part) for part in content]}
    if item.get("phase"):
        message["phase"] = item["phase"]
    return [message if openai else _named(message, item)]


def _said(part: Item) -> Item:
    if part["type"] != "output_text":
        return {"type": "refusal", "refusal": part["refusal"]}
    # Not the log probabilities: nobody reads them, and they are thirty times the text.
    return {"type": "output_text", "text": part["text"], "annotations": part.get("annotations", [])}


def _part(part: Any) -> Item:
    if isinstance(part, str):
        return {"type": "input_text", "text": part}
    if part.get("type") == "input_image":
        return {"detail": "auto", **part}  # which some servers require
    return dict(part)


def _call(item: Item, openai: bool) -> list[Item]:
    if item.get("status") == "incomplete":
        return []  # it was cut while it was written: nobody can answer it
    call = {
        "type": FUNCTION_CALL,
        "call_id": item.get("call_id") or item.get("id") or "",
        "name": item.get("name") or "",
        "arguments": item.get("arguments") or "{}",
    }
    return [call if openai else _named(call, item)]


def _reasoning(item: Item, openai: bool, origin: str) -> list[Item]:
    """OpenAI takes its own reasoning only, sealed; others take the text as they told it."""
    marks = item.get("interject") or {}
    # What another upstream sealed would be refused, and the prompt with it.
    is_ours = marks.get("sealed_by") in (None, origin)
    sealed = item.get("encrypted_content") if is_ours else None
    if openai and not sealed:
        return []
    reasoning: Item = {"type": REASONING, "summary": item.get("summary") or []}
    if sealed:
        reasoning["encrypted_content"] = sealed
    if openai:
        return [reasoning]
    texts = item.get("content") or []
    if marks.get("told_as") == TOLD_AS_TEXT["told_as"]:
        texts = [{"type": "reasoning_text", "text": each["text"]} for each in reasoning["summary"]]
        reasoning["summary"] = []
    if texts:
        reasoning["content"] = texts
    return [_named(reasoning, item)]


def _foreign(item: Item) -> Item:
    left_out = {"interject", "status"} if item["type"] in WITHOUT_STATUS else {"interject"}
    return {name: value for name, value in item.items() if name not in left_out}


def _named(told: Item, item: Item) -> Item:
    """With the id and the status that the item is kept by."""
    named = {"id": item["id"]} if item.get("id") else {}
    status = item.get("status")
    return {**told, **named, "status": status if status == "incomplete" else "completed"}


def _without_loose_reasoning(items: list[Item]) -> list[Item]:
    """OpenAI refuses reasoning that nothing of the model's follows: it was stopped there."""
    kept: list[Item] = []
    followed = False
    for item in reversed(items):
        if item["type"] == REASONING:
            if followed:
                kept.append(item)
            continue
        followed = item.get("role", "assistant") == "assistant" and not _is_output(item)
        kept.append(item)
    return kept[::-1]


def _is_output(item: Item) -> bool:
    """Whether it is the client's answer to a call."""
    return str(item["type"]).endswith(("_call_output", "_response"))
